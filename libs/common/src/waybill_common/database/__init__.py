"""PostgreSQL: engine, unit of work, doorbell and listener, migrations."""

from waybill_common.database.direct_pool import DirectPool
from waybill_common.database.doorbell import CHANNEL_JOBS, CHANNEL_OUTBOX, Doorbell
from waybill_common.database.engine import EngineOptions, connect_raw, libpq_url, make_engine
from waybill_common.database.errors import is_transient, is_unavailable, sqlstate
from waybill_common.database.listener import Listener
from waybill_common.database.metrics import DatabaseMetrics, StatementMetrics
from waybill_common.database.migrations import current_revision, expected_revision, migrate, revision_is_ready
from waybill_common.database.unit_of_work import COMMIT_LAZILY, UnitOfWork

__all__ = [
    "CHANNEL_JOBS",
    "CHANNEL_OUTBOX",
    "COMMIT_LAZILY",
    "DatabaseMetrics",
    "DirectPool",
    "Doorbell",
    "EngineOptions",
    "Listener",
    "StatementMetrics",
    "UnitOfWork",
    "connect_raw",
    "current_revision",
    "expected_revision",
    "is_transient",
    "is_unavailable",
    "libpq_url",
    "make_engine",
    "migrate",
    "revision_is_ready",
    "sqlstate",
]

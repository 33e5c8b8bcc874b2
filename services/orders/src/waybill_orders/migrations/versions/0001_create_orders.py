"""Create every table of orders, the library's tables it needs, and the functions of the placing path."""

from importlib import resources

from alembic import op
from waybill_common.idempotency.schema import IDEMPOTENCY_V1
from waybill_common.jobs.schema import JOBS_V1
from waybill_common.messaging.schema import EVENTS_V1, INBOX_V1
from waybill_common.tokens.schema import REVOCATIONS_V1

revision = "0001"
down_revision = None

_LIBRARY = (EVENTS_V1, INBOX_V1, IDEMPOTENCY_V1, JOBS_V1, REVOCATIONS_V1)
_OWN = ("0001_orders.sql", "0001_payments.sql", "0001_place_order.sql")


def upgrade() -> None:
    """Create the schema; the SQL stands beside this file, in `sql/`."""
    connection = op.get_bind().execution_options(no_parameters=True)
    scripts = resources.files("waybill_orders") / "migrations" / "sql"
    for sql in (*_LIBRARY, *((scripts / name).read_text("utf-8") for name in _OWN)):
        connection.exec_driver_sql(sql)

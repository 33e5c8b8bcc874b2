"""Removal of what has outlived its use: idempotency keys, finished jobs, inbox rows."""

import sqlalchemy as sa
from waybill_common.idempotency import remove_old_keys
from waybill_common.jobs import remove_old_jobs
from waybill_common.messaging import prune_inbox

_BATCH = 1_000


class Retention:
    """One batch a call, each in a transaction of its own; True when there may be more to remove."""

    def __init__(self, engine: sa.Engine, *, key_days: int, job_days: int) -> None:
        self._engine = engine
        self._key_days = key_days
        self._job_days = job_days

    def remove_keys(self) -> bool:
        """Remove old idempotency keys; natural keys protect from then on."""
        with self._engine.begin() as connection:
            return remove_old_keys(connection, self._key_days, _BATCH) >= _BATCH

    def remove_jobs(self) -> bool:
        """Remove finished jobs."""
        with self._engine.begin() as connection:
            return remove_old_jobs(connection, self._job_days, _BATCH) >= _BATCH

    def remove_messages(self) -> bool:
        """Remove inbox rows older than any message that may still come."""
        with self._engine.begin() as connection:
            return prune_inbox(connection, limit=_BATCH) >= _BATCH

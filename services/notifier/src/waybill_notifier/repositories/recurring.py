"""Makes sure that the recurring jobs are there."""

from collections.abc import Mapping

import sqlalchemy as sa
from waybill_common.jobs import ensure_recurring


def ensure_recurring_jobs(engine: sa.Engine, every_seconds: Mapping[str, float]) -> None:
    """Write one recurring job for each kind, however many workers start at once."""
    with engine.begin() as connection:
        for kind, seconds in sorted(every_seconds.items()):
            ensure_recurring(connection, kind, seconds)

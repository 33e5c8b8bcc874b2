"""Removes what is past its retention, one batch of each kind in a transaction."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from waybill_common.idempotency import remove_old_keys
from waybill_common.jobs import remove_old_jobs
from waybill_common.messaging import prune_inbox

from waybill_notifier.models.tables import address_refusal, delivery, notification, suppression

FACTS_DAYS = 30
LEDGER_DAYS = 396  # 13 months
KEYS_DAYS = 7
JOBS_DAYS = 7
REFUSALS_DAYS = 90


class LedgerRetention:
    """See `use_cases.purge_old.Retention`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def purge(self, limit: int) -> int:
        """Remove at most `limit` rows of each kind; returns the largest number removed of one kind."""
        with self._engine.begin() as connection:
            return max(
                prune_inbox(connection, limit=limit),
                remove_old_keys(connection, KEYS_DAYS, limit),
                remove_old_jobs(connection, JOBS_DAYS, limit),
                self._forget_facts(connection, limit),
                self._remove_ledger(connection, limit),
                self._remove_refusals(connection),
            )

    def _forget_facts(self, connection: sa.Connection, limit: int) -> int:
        """What a mail was made from goes after 30 days; that it was sent is kept."""
        old = (
            sa.select(notification.c.id)
            .where(notification.c.facts.is_not(None), notification.c.created_at < _days_ago(FACTS_DAYS))
            .limit(limit)
        )
        statement = notification.update().where(notification.c.id.in_(old)).values(facts=sa.null())
        return connection.execute(statement).rowcount

    def _remove_ledger(self, connection: sa.Connection, limit: int) -> int:
        """A notification takes its deliveries, attempts and transitions with it."""
        old = sa.select(delivery.c.notification_id).where(delivery.c.created_at < _days_ago(LEDGER_DAYS)).limit(limit)
        return connection.execute(notification.delete().where(notification.c.id.in_(old))).rowcount

    def _remove_refusals(self, connection: sa.Connection) -> int:
        connection.execute(suppression.delete().where(suppression.c.expires_at < sa.func.now()))
        connection.execute(address_refusal.delete().where(address_refusal.c.created_at < _days_ago(REFUSALS_DAYS)))
        return 0


def _days_ago(days: int) -> sa.ColumnElement[datetime]:
    return sa.func.now() - timedelta(days=days)

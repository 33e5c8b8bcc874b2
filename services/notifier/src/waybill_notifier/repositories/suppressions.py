"""Addresses that are not written to, and refusals on the way there; by keyed hash only."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from waybill_notifier.models.tables import address_refusal, suppression

_HAS = sa.text("SELECT 1 FROM suppression WHERE address_hash = :hash AND expires_at > now()")


class SuppressionRepository:
    """Suppressions of one transaction."""

    def __init__(self, connection: sa.Connection, days: int) -> None:
        self._connection = connection
        self._days = days

    def has(self, address_hash: bytes) -> bool:
        """True while the address is suppressed."""
        return self._connection.execute(_HAS, {"hash": address_hash}).first() is not None

    def add(self, address_hash: bytes, reason: str, delivery_id: str) -> None:
        """Suppress an address from now on; a later refusal prolongs it."""
        values = {
            "address_hash": address_hash,
            "reason": reason,
            "delivery_id": delivery_id,
            "expires_at": sa.func.now() + timedelta(days=self._days),
        }
        statement = insert(suppression).values(**values)
        self._connection.execute(statement.on_conflict_do_update(index_elements=["address_hash"], set_=values))

    def note_refusal(self, address_hash: bytes, delivery_id: str) -> int:
        """Remember one mail's refusal; returns how many different mails were refused."""
        self._connection.execute(
            insert(address_refusal).values(address_hash=address_hash, delivery_id=delivery_id).on_conflict_do_nothing()
        )
        count = sa.select(sa.func.count()).where(address_refusal.c.address_hash == address_hash)
        return int(self._connection.execute(count).scalar_one())

    def lift(self, address_hash: bytes) -> bool:
        """Write to the address again; False when it was not suppressed."""
        self._connection.execute(address_refusal.delete().where(address_refusal.c.address_hash == address_hash))
        statement = suppression.delete().where(suppression.c.address_hash == address_hash)
        return self._connection.execute(statement.returning(sa.literal(1))).first() is not None

"""One transaction: commit on a clean exit, roll back on an exception, ring the doorbell after the commit."""

from types import TracebackType
from typing import Self

import sqlalchemy as sa

from waybill_common.database.doorbell import Doorbell
from waybill_common.telemetry import fault_point

# In a statement's output, it lets the transaction's commit not wait for the disk; the next commit that waits makes it
# durable with itself (ADR 0016). Within a statement, as one of its own would be a round trip.
COMMIT_LAZILY = "set_config('synchronous_commit', 'off', true)"


class UnitOfWork:
    """The transaction of one call; a service's own subclass adds its repositories.

    Made anew for each call by a factory: never shared between threads, never entered twice at once.
    """

    def __init__(self, engine: sa.Engine, doorbell: Doorbell | None = None) -> None:
        self._engine = engine
        self._doorbell = doorbell
        self._connection: sa.Connection | None = None
        self._channels: set[str] = set()

    @property
    def connection(self) -> sa.Connection:
        """The open connection; raises RuntimeError outside of the `with` block."""
        if self._connection is None:
            raise RuntimeError("the unit of work is not open; use it inside `with unit_of_work() as work:`")
        return self._connection

    def ring(self, channel: str) -> None:
        """Ask for a wake-up on this channel once the transaction has committed."""
        self._channels.add(channel)

    def __enter__(self) -> Self:
        if self._connection is not None:
            raise RuntimeError("this unit of work is already open; make another one from the factory")
        self._connection = self._engine.connect()
        self._channels.clear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self.connection
        try:
            if error is None:
                connection.commit()
                self._after_commit()
            else:
                connection.rollback()
        finally:
            self._connection = None
            connection.close()

    def _after_commit(self) -> None:
        fault_point("web.after_commit")
        if self._doorbell is not None:
            for channel in self._channels:
                self._doorbell.ring(channel)

"""Repeats a transaction while the database is away, for facts that are lost with this process otherwise."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa
from waybill_common.database import is_transient, is_unavailable
from waybill_common.telemetry import get_logger

T = TypeVar("T")
_log = get_logger(__name__)


def persist(transaction: Callable[[], T], within_seconds: float) -> T:
    """Run the transaction until the database takes it, at most so long; raises its last error after that.

    A mail that the server has taken must be on record: without it the delivery is uncertain, and may go out twice.
    """
    deadline = time.monotonic() + within_seconds
    pause = 0.1
    while True:
        try:
            return transaction()
        except sa.exc.SQLAlchemyError as error:
            if not (is_unavailable(error) or is_transient(error)) or time.monotonic() + pause > deadline:
                raise
            _log.warning("result_not_written_yet", error=str(error))
        threading.Event().wait(pause)
        pause = min(pause * 2, 2.0)

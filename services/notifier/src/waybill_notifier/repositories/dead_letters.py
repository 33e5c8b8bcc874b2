"""Opens the notifier's dead letters in a transaction of their own."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import sqlalchemy as sa
from waybill_common.messaging import DeadLetters


def dead_letters_of(engine: sa.Engine) -> Callable[[], AbstractContextManager[DeadLetters]]:
    """A function that opens one transaction, which commits on a clean exit."""

    @contextmanager
    def open_letters() -> Iterator[DeadLetters]:
        with engine.begin() as connection:
            yield DeadLetters(connection)

    return open_letters

"""The one table from what the domain refuses to the problem that a client reads."""

from collections.abc import Callable, Mapping
from typing import Any

from waybill_common.problems import Problem

from waybill_notifier.domain.errors import (
    DeliveryNotFoundError,
    InvalidTransitionError,
    NotificationNotFoundError,
    UnknownUnsubscribeTokenError,
)


def _plain(status: int) -> Callable[[Any], Problem]:
    return lambda error: Problem(status, error.code, str(error))


def _invalid_transition(error: InvalidTransitionError) -> Problem:
    states: dict[str, Any] = {"from": error.current, "to": error.wanted, "allowed": error.allowed}
    return Problem(409, error.code, str(error), **states)


NOTIFIER_ERRORS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    DeliveryNotFoundError: _plain(404),
    NotificationNotFoundError: _plain(404),
    UnknownUnsubscribeTokenError: _plain(404),
    InvalidTransitionError: _invalid_transition,
}

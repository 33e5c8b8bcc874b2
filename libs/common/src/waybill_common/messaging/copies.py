"""Copies of a message for the retry ladder, the dead letters and a replay: what is kept, stripped and told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from waybill_common.clock import rfc3339, utc_now
from waybill_common.messaging.broker import Message, Outgoing
from waybill_common.messaging.topology import DEFAULT_EXCHANGE, RETRY_RUNGS, dead_letter_queue

ATTEMPT = "x-attempt"
FIRST_FAILED_AT = "x-first-failed-at"
ERROR_CLASS = "x-error-class"
ERROR = "x-error"
REASON = "x-reason"
LIMIT_REPLAYED = "x-limit-replayed"

DELIVERY_LIMIT = "delivery_limit"

# RabbitMQ drops a message in silence when its own death headers make it see a cycle (3.x counts client-sent ones too).
_COUNTS = ("x-delivery-count", "x-acquired-count")
_BROKER_HEADERS = ("x-death", "x-first-death-", "x-last-death-", *_COUNTS)
_OWN_HEADERS = (ATTEMPT, FIRST_FAILED_AT, ERROR_CLASS, ERROR, REASON, LIMIT_REPLAYED)
_MAX_ERROR_CHARACTERS = 1_000


def attempts_of(message: Message) -> int:
    """How many rungs of the ladder this message has climbed."""
    value = message.headers.get(ATTEMPT, 0)
    return value if isinstance(value, int) and value >= 0 else 0


def retry_copy(queue: str, message: Message, error: Exception) -> Outgoing | None:
    """The copy for the next rung of `queue`, None when the ladder has no further one."""
    attempts = attempts_of(message)
    if attempts >= len(RETRY_RUNGS):
        return None
    copy = _with_headers(message, {**_failure(message, error), ATTEMPT: attempts + 1})
    return Outgoing(DEFAULT_EXCHANGE, RETRY_RUNGS[attempts].queue_of(queue), copy)


def dead_letter_copy(queue: str, message: Message, reason: str, error: Exception) -> Outgoing:
    """The copy for the dead-letter queue of `queue`, with the reason a person will read."""
    told = {REASON: reason, ERROR: str(error)[:_MAX_ERROR_CHARACTERS], ATTEMPT: attempts_of(message)}
    return Outgoing(DEFAULT_EXCHANGE, dead_letter_queue(queue), _with_headers(message, _failure(message, error) | told))


def replay_copy(queue: str, message: Message, *, after_delivery_limit: bool = False) -> Outgoing:
    """The message as it was first published, for this one queue; the topic exchange would tell the others again."""
    headers = {name: value for name, value in _cleaned(message.headers).items() if name not in _OWN_HEADERS}
    if after_delivery_limit:
        headers[LIMIT_REPLAYED] = 1
    return Outgoing(DEFAULT_EXCHANGE, queue, replace(message, headers=headers))


def deserves_another_round(message: Message) -> bool:
    """A letter that died of the delivery limit for the first time: reconnects count too, so it may be healthy."""
    return last_death(message) == DELIVERY_LIMIT and LIMIT_REPLAYED not in message.headers


def filed_headers(message: Message) -> dict[str, Any]:
    """The headers of one death, the same however often the dead-letter queue hands it out."""
    return {name: value for name, value in message.headers.items() if name not in _COUNTS}


def last_death(message: Message) -> str | None:
    """Why the broker itself last moved this message ("delivery_limit", "expired", "rejected"), None if it did not.

    RabbitMQ writes the newest entry first and says `delivery_limit`.
    """
    deaths = message.headers.get("x-death")
    if isinstance(deaths, list) and deaths and isinstance(deaths[0], Mapping):
        return str(deaths[0].get("reason"))
    reason = message.headers.get("x-first-death-reason")
    return None if reason is None else str(reason)


def _failure(message: Message, error: Exception) -> dict[str, Any]:
    kind = type(error)
    return {
        FIRST_FAILED_AT: message.headers.get(FIRST_FAILED_AT) or rfc3339(utc_now()),
        ERROR_CLASS: f"{kind.__module__}.{kind.__qualname__}",
    }


def _with_headers(message: Message, more: Mapping[str, Any]) -> Message:
    return replace(message, headers={**_cleaned(message.headers), **more})


def _cleaned(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in headers.items() if not name.startswith(_BROKER_HEADERS)}

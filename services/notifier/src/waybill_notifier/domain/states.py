"""The states of a delivery and the one function that guards their transitions (messaging.md §11.6)."""

from collections.abc import Mapping
from enum import StrEnum

from waybill_notifier.domain.errors import InvalidTransitionError


class State(StrEnum):
    """Where a delivery stands."""

    QUEUED = "queued"
    SENDING = "sending"
    HELD = "held"
    UNCERTAIN = "uncertain"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXHAUSTED = "exhausted"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    SUPPRESSED = "suppressed"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class Cause(StrEnum):
    """Who asks for a transition: our own work, a receipt from outside, or a person of the staff."""

    WORK = "work"
    RECEIPT = "receipt"
    STAFF = "staff"


class Phase(StrEnum):
    """How far an attempt has come; each is committed before the next step (messaging.md §11.3)."""

    CLAIMED = "claimed"
    CONNECTED = "connected"
    ENVELOPE = "envelope"
    DATA_SENT = "data_sent"
    DONE = "done"


WAITING = frozenset({State.QUEUED, State.HELD, State.UNCERTAIN})
"""States in which the delivery still has work before it."""

SKIP_REASONS = frozenset({"preference", "quiet", "expired", "duplicate"})

_S = State
_ALLOWED: Mapping[Cause, Mapping[State, frozenset[State]]] = {
    Cause.WORK: {
        _S.QUEUED: frozenset({_S.SENDING, _S.HELD, _S.SUPPRESSED, _S.SKIPPED, _S.FAILED, _S.EXHAUSTED}),
        _S.SENDING: frozenset({_S.SENT, _S.QUEUED, _S.HELD, _S.UNCERTAIN, _S.FAILED, _S.EXHAUSTED}),
        _S.HELD: frozenset({_S.QUEUED, _S.SKIPPED}),
        # `sent` from `uncertain`: the answer to the final dot was read by a worker whose lease had run out meanwhile.
        _S.UNCERTAIN: frozenset({_S.QUEUED, _S.HELD, _S.SENT, _S.EXHAUSTED}),
    },
    Cause.RECEIPT: {
        _S.SENT: frozenset({_S.DELIVERED, _S.BOUNCED, _S.COMPLAINED}),
        _S.UNCERTAIN: frozenset({_S.DELIVERED, _S.BOUNCED}),
        _S.DELIVERED: frozenset({_S.BOUNCED}),
    },
    Cause.STAFF: {
        _S.QUEUED: frozenset({_S.CANCELED}),
        _S.HELD: frozenset({_S.QUEUED, _S.CANCELED}),
        _S.UNCERTAIN: frozenset({_S.QUEUED, _S.CANCELED}),
        _S.FAILED: frozenset({_S.QUEUED}),
        _S.EXHAUSTED: frozenset({_S.QUEUED}),
        _S.SUPPRESSED: frozenset({_S.QUEUED}),
    },
}


def allowed_from(current: State, cause: Cause) -> frozenset[State]:
    """The states that `cause` may move a delivery to from `current`."""
    return _ALLOWED[cause].get(current, frozenset())


def guard_transition(current: State, wanted: State, cause: Cause) -> None:
    """Refuse what messaging.md §11.6 does not allow.

    Raises InvalidTransitionError with the states that would be allowed.
    """
    allowed = allowed_from(current, cause)
    if wanted not in allowed:
        raise InvalidTransitionError(current, wanted, allowed)

"""What was revoked lately, as other services are told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Revocation:
    """One entry of the feed: `kind` is sid or sub, times are whole seconds since 1970.

    A sid entry refuses every token of that session, a sub entry those issued before `not_before`; at `until` the last
    token it could refuse has expired.
    """

    kind: str
    id: str
    not_before: int | None
    until: int

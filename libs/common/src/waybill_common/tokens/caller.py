"""Who calls: what a verified access token says, in the words the services use."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a verified access token.

    `subject` is the person's or the client's id, `session_id` the session the token belongs to (a service has none),
    times are epoch seconds, `amr` how the person signed in (RFC 8176).
    """

    subject: str
    kind: Literal["person", "service"]
    client_id: str
    session_id: str | None
    scopes: frozenset[str]
    roles: tuple[str, ...]
    issued_at: int
    auth_time: int | None
    amr: tuple[str, ...]

"""What the use cases ask of the world."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from waybill_common.messaging import NewEvent

from waybill_auth.domain.addresses import Address
from waybill_auth.domain.audit import AuditEntry
from waybill_auth.domain.clients import Client
from waybill_auth.domain.mail_requests import MailRequest, Purpose
from waybill_auth.domain.passwords import PasswordCheck
from waybill_auth.domain.revocations import Revocation
from waybill_auth.domain.sessions import Session
from waybill_auth.domain.signing_keys import KeyState, SigningKey
from waybill_auth.domain.throttles import Backoff, Window
from waybill_auth.domain.users import User

Clock = Callable[[], datetime]


class Users(Protocol):
    """Accounts."""

    def add(self, user: User) -> bool:
        """Insert; False when the address is taken already."""

    def by_id(self, user_id: str) -> User | None:
        """Return the account."""

    def by_email_key(self, email_key: str) -> User | None:
        """Return the account with this address."""

    def lock(self, user_id: str) -> User | None:
        """Return the account and hold its row until the end; always before its sessions, so that nothing deadlocks."""

    def raise_sequence(self, user_id: str, by: int) -> int:
        """Raise the number of the account's last event and return the new one."""

    def set_password(self, user_id: str, password_hash: str) -> None:
        """Replace the stored password."""

    def mark_verified(self, user_id: str, at: datetime) -> None:
        """Note that the mailbox is the account's; a second time changes nothing."""

    def set_roles(self, user_id: str, roles: Sequence[str]) -> None:
        """Replace the roles."""

    def set_disabled(self, user_id: str, at: datetime | None) -> None:
        """Switch the account off, or on again with None."""

    def set_not_before(self, user_id: str, at: datetime) -> None:
        """Refuse every token of the account that was issued earlier."""

    def update_profile(self, user_id: str, changes: dict[str, str | None]) -> None:
        """Change any of `name`, `locale`, `timezone`."""

    def lock_admins(self) -> list[str]:
        """Return the ids of all administrators and hold their rows."""

    def with_live_sessions(self, limit: int, after: str) -> list[str]:
        """Return up to `limit` ids above `after` of accounts that have a live session, ascending."""

    def unverified_before(self, moment: datetime, limit: int) -> list[str]:
        """Lock and return accounts that were made before the moment and never verified."""

    def remove(self, user_id: str) -> None:
        """Delete the account with everything that hangs on it."""


class Sessions(Protocol):
    """Sign-ins."""

    def add(self, session: Session) -> None:
        """Insert."""

    def by_id(self, session_id: str) -> Session | None:
        """Return the session."""

    def live_of(self, user_id: str, now: datetime) -> list[Session]:
        """Return the account's live sessions, oldest first."""

    def rotate(self, session: Session, now: datetime, idle_expires_at: datetime) -> bool:
        """Raise the counter by one if it still is `session.counter`; False when somebody else was quicker."""

    def reseal(self, session_id: str, sealed_key: bytes) -> None:
        """Replace the encrypted key, after the key that encrypts it has changed."""

    def revoke(self, session_ids: Sequence[str], reason: str, at: datetime) -> list[str]:
        """End those of the sessions that were not ended, and return their ids."""

    def end_token(self, token_id: str, until: datetime) -> None:
        """End one token that belongs to no session; it expires at `until` anyway."""


class MailRequests(Protocol):
    """Mails asked for."""

    def add(self, request: MailRequest) -> None:
        """Insert."""

    def by_id(self, request_id: str) -> MailRequest | None:
        """Return the request."""

    def supersede(self, user_id: str, purposes: Sequence[Purpose], at: datetime) -> None:
        """Close the account's open requests of these purposes."""

    def use(self, request_id: str, at: datetime) -> bool:
        """Spend the request; False when it is used, superseded or expired: exactly one caller gets True."""


class Throttle(Protocol):
    """Counted attempts; a bucket is an opaque key."""

    def count(self, bucket: bytes, window: Window) -> float:
        """Take one of the window; return the seconds to wait, 0 when it was within the limit."""

    def reserve(self, bucket: bytes, backoff: Backoff) -> float:
        """Take an attempt before it is made; return the seconds to wait, 0 when it may be made."""

    def give_back(self, bucket: bytes) -> None:
        """Return an attempt that was not made."""

    def forget(self, bucket: bytes) -> None:
        """Forget the failures: the attempt succeeded."""


class Keys(Protocol):
    """The key ring."""

    def lock(self) -> None:
        """Let nobody else change the ring until the end."""

    def all_live(self) -> list[SigningKey]:
        """Return every key that is not gone."""

    def by_kid(self, kid: str) -> SigningKey | None:
        """Return the key, one that is gone too."""

    def add(self, key: SigningKey) -> None:
        """Insert."""

    def set_state(self, kid: str, state: KeyState, at: datetime) -> None:
        """Move the key on; `gone` also forgets its private half."""


class Clients(Protocol):
    """Service accounts."""

    def by_id(self, client_id: str) -> Client | None:
        """Return the client."""

    def replace_all(self, clients: Sequence[Client]) -> None:
        """Make the table exactly these."""


class Retention(Protocol):
    """What time makes superfluous."""

    def purge(self, now: datetime) -> dict[str, int]:
        """Remove ended sessions, expired mail requests, old throttle rows and expired revocations; rows by table."""


class Revocations(Protocol):
    """What a starting service must know."""

    def since(self, moment: datetime, keep_seconds: int) -> list[Revocation]:
        """Return what was revoked at or after the moment."""


class UnitOfWork(Protocol):
    """One transaction."""

    @property
    def users(self) -> Users:
        """Accounts."""

    @property
    def sessions(self) -> Sessions:
        """Sign-ins."""

    @property
    def mail_requests(self) -> MailRequests:
        """Mails asked for."""

    @property
    def throttle(self) -> Throttle:
        """Counted attempts."""

    @property
    def keys(self) -> Keys:
        """The key ring."""

    @property
    def clients(self) -> Clients:
        """Service accounts."""

    @property
    def revocations(self) -> Revocations:
        """The feed of revocations."""

    @property
    def retention(self) -> Retention:
        """What time makes superfluous."""

    def append_events(self, events: Sequence[NewEvent]) -> None:
        """Write events in this transaction; the relay is woken after it."""

    def audit(self, entry: AuditEntry) -> None:
        """Write a line of the audit log in this transaction."""


UnitOfWorkFactory = Callable[[], AbstractContextManager[UnitOfWork]]


class PasswordHasher(Protocol):
    """Slow hashes, a few at a time."""

    def hash(self, password: str) -> str:
        """Return the stored form; raises HashBusyError when no slot comes free."""

    def check(self, password: str, stored: str | None) -> PasswordCheck:
        """Compare, with exactly one hash at the current cost whatever is stored; raises HashBusyError."""


class PasswordRules(Protocol):
    """The password policy."""

    def faults(self, password: str, email: str = "", name: str = "") -> tuple[str, ...]:
        """Return the rules the password breaks."""


class AddressReader(Protocol):
    """The syntax of e-mail addresses."""

    def read(self, email: str) -> Address:
        """Return the address; raises InvalidAddressError."""


class TokenSigner(Protocol):
    """Signs access tokens with the active key."""

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the compact JWS of these claims and the issuer."""


class KeyMaker(Protocol):
    """Makes key pairs."""

    def make(self, alg: str, state: KeyState, now: datetime, activate_at: datetime) -> SigningKey:
        """Return a fresh key pair."""


class SessionKeys(Protocol):
    """Seals the HMAC keys of sessions."""

    def seal(self, key: bytes, session_id: str) -> bytes:
        """Encrypt a session's key."""

    def open(self, sealed: bytes, session_id: str) -> bytes | None:
        """Decrypt a session's key; None when the key that sealed it was taken out of the ring."""

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether it is encrypted with the current key-encryption key."""


class LinkKeys(Protocol):
    """MACs over mail requests, addresses and throttle buckets, with mounted keys."""

    @property
    def current_version(self) -> str:
        """The key that new requests use."""

    def address_key(self, version: str, email_key: str) -> bytes:
        """Return what a mail request remembers of an address."""

    def token(self, request: MailRequest) -> str:
        """Return the token of the request's link."""

    def request_id_of(self, token: str) -> str | None:
        """Return the request a token names, None when it has no such form."""

    def is_genuine(self, token: str, request: MailRequest) -> bool:
        """Tell whether this is the request's token; compares in constant time."""

    def bucket(self, kind: str, identifier: str) -> bytes:
        """Return the throttle bucket of an identifier, from which the identifier cannot be read."""


class TokenReader(Protocol):
    """Verifies access tokens for introspection and revocation."""

    def read(self, token: str, audiences: Sequence[str]) -> dict[str, Any] | None:
        """Return the claims of a genuine token for one of the audiences, that is neither expired nor ended."""

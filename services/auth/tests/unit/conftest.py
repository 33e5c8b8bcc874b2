"""Fakes of the ports, a few lines each, and a clock that only moves when told."""

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from waybill_auth.domain.addresses import Address
from waybill_auth.domain.errors import InvalidAddressError
from waybill_auth.domain.mail_requests import MailRequest
from waybill_auth.domain.passwords import PasswordCheck, PasswordPolicy
from waybill_auth.domain.sessions import Session, SessionRules
from waybill_auth.domain.throttles import Backoff, Limits, Window
from waybill_auth.domain.users import User
from waybill_auth.use_cases.desks import Admission, Passwords, SessionDesk

PASSWORD = "nine purple kettles sing"


@dataclass
class FakeUsers:
    rows: dict[str, User] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    not_before: dict[str, datetime] = field(default_factory=dict)

    def add(self, user):
        if self.by_email_key(user.email_key):
            return False
        self.rows[user.id] = user
        return True

    def by_id(self, user_id):
        return self.rows.get(user_id)

    lock = by_id

    def by_email_key(self, key):
        return next((user for user in self.rows.values() if user.email_key == key), None)

    def raise_sequence(self, user_id, by):
        self.sequences[user_id] = self.sequences.get(user_id, 0) + by
        return self.sequences[user_id]

    def change(self, user_id, **values):
        self.rows[user_id] = replace(self.rows[user_id], **values)

    def set_password(self, user_id, password_hash):
        self.change(user_id, password_hash=password_hash)

    def mark_verified(self, user_id, at):
        self.change(user_id, email_verified_at=at)

    def set_not_before(self, user_id, at):
        self.not_before[user_id] = at


@dataclass
class FakeSessions:
    rows: dict[str, Session] = field(default_factory=dict)

    def add(self, session):
        self.rows[session.id] = session

    def by_id(self, session_id):
        return self.rows.get(session_id)

    def live_of(self, user_id, now):
        return [session for session in self.rows.values() if session.user_id == user_id and session.is_alive(now)]

    def rotate(self, session, now, idle_expires_at):
        stored = self.rows[session.id]
        if stored.counter != session.counter or stored.revoked_at:
            return False
        self.rows[session.id] = replace(
            stored, counter=stored.counter + 1, rotated_at=now, last_seen_at=now, idle_expires_at=idle_expires_at
        )
        return True

    def revoke(self, session_ids, reason, at):
        ended = [session_id for session_id in session_ids if self.rows[session_id].revoked_at is None]
        for session_id in ended:
            self.rows[session_id] = replace(self.rows[session_id], revoked_at=at, revoked_reason=reason)
        return ended


@dataclass
class FakeMailRequests:
    rows: dict[str, MailRequest] = field(default_factory=dict)

    def add(self, request):
        self.rows[request.id] = request

    def by_id(self, request_id):
        return self.rows.get(request_id)

    def supersede(self, user_id, purposes, at):
        for request in list(self.rows.values()):
            if request.user_id == user_id and request.purpose in purposes and request.is_open(at):
                self.rows[request.id] = replace(request, superseded_at=at)

    def use(self, request_id, at):
        if not self.rows[request_id].is_open(at):
            return False
        self.rows[request_id] = replace(self.rows[request_id], used_at=at)
        return True


@dataclass
class FakeThrottle:
    hits: dict[bytes, int] = field(default_factory=dict)

    def count(self, bucket, window):
        self.hits[bucket] = self.hits.get(bucket, 0) + 1
        return float(window.seconds) if self.hits[bucket] > window.limit else 0.0

    def reserve(self, bucket, backoff):
        if self.hits.get(bucket, 0) >= backoff.free:
            return backoff.first_seconds
        self.hits[bucket] = self.hits.get(bucket, 0) + 1
        return 0.0

    def give_back(self, bucket):
        self.hits[bucket] -= 1

    def forget(self, bucket):
        self.hits.pop(bucket, None)


class FakeWork:
    """One database for a test; every unit of work sees it, none is ever rolled back."""

    def __init__(self):
        self.users, self.sessions, self.mail_requests = FakeUsers(), FakeSessions(), FakeMailRequests()
        self.throttle = FakeThrottle()
        self.events, self.audited = [], []
        self.is_open = False

    @contextmanager
    def __call__(self):
        assert not self.is_open, "two transactions at once"
        self.is_open = True
        try:
            yield self
        finally:
            self.is_open = False

    def append_events(self, events):
        self.events += events

    def audit(self, entry):
        self.audited.append(entry)


@dataclass
class FakeHasher:
    """Counts; a stored form is the password behind `hashed:`."""

    work: FakeWork
    calls: int = 0
    needs_rehash: bool = False

    def hash(self, password):
        assert not self.work.is_open, "no transaction may be open while a password is hashed"
        self.calls += 1
        return f"hashed:{password}"

    def check(self, password, stored):
        matches = self.hash(password) == stored
        return PasswordCheck(matches, matches and self.needs_rehash)


class FakeAddresses:
    def read(self, email):
        if "@" not in email:
            raise InvalidAddressError("no @")
        return Address(email, email.casefold())


class FakeLinks:
    current_version = "k1"

    def address_key(self, _version, email_key):
        return email_key.encode()

    def token(self, request):
        return f"{request.id}.mac"

    def request_id_of(self, token):
        return token.removesuffix(".mac") if token.endswith(".mac") else None

    def is_genuine(self, token, request):
        return token == self.token(request)

    def bucket(self, kind, identifier):
        return f"{kind}:{identifier}".encode()


class FakeKeys:
    """Seals by turning the key round."""

    def seal(self, key, _session_id):
        return key[::-1]

    def open(self, sealed, _session_id):
        return sealed[::-1]

    def is_current(self, _sealed):
        return True


@dataclass
class Clock:
    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_seconds(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def work():
    return FakeWork()


@pytest.fixture
def world(work, clock):
    """Everything a use case may ask for."""
    hasher = FakeHasher(work)
    limits = Limits(
        *(Window(1000, 60) for _ in range(4)), Window(1000, 60), Window(1000, 86_400), Backoff(5, 1.0, 900.0, 43_200.0)
    )
    return SimpleNamespace(
        work=work,
        clock=clock,
        hasher=hasher,
        passwords=Passwords(hasher, PasswordPolicy(15, {"password123password123"}.__contains__)),
        admission=Admission(FakeAddresses(), FakeLinks(), limits),
        desk=SessionDesk(SimpleNamespace(sign=repr), FakeKeys(), SessionRules(), clock),
        links=FakeLinks(),
    )


@pytest.fixture
def member(work, clock):
    """A verified account with the usual password."""
    user = User(
        id="usr_1",
        email="kim@example.com",
        email_key="kim@example.com",
        name=None,
        locale="en",
        timezone="UTC",
        password_hash=f"hashed:{PASSWORD}",
        roles=("customer",),
        created_at=clock(),
        email_verified_at=clock(),
    )
    work.users.add(user)
    return user

"""Sign-in and refresh on fakes: hashes counted, transactions short, time frozen."""

from dataclasses import replace

import pytest
from waybill_auth.domain.errors import (
    AccountDisabledError,
    HashBusyError,
    InvalidCredentialsError,
    InvalidGrantError,
    TooManyAttemptsError,
)
from waybill_auth.use_cases.log_in import LogIn, log_in
from waybill_auth.use_cases.refresh_session import RefreshSession, refresh_session

PASSWORD = "nine purple kettles sing"
pytestmark = pytest.mark.unit


def sign_in(world, email="kim@example.com", password=PASSWORD):
    return log_in(LogIn(email, password), world.work, world.admission, world.hasher, world.desk)


def refresh(world, token):
    return refresh_session(RefreshSession(token), world.work, world.admission, world.desk)


@pytest.mark.parametrize("email", ["kim@example.com", "nobody@example.com", "no address"])
def test_a_refused_sign_in_hashes_once_and_is_audited(world, member, email):
    with pytest.raises(InvalidCredentialsError):
        sign_in(world, email, "wrong")
    assert world.hasher.calls == 1
    assert [entry.action for entry in world.work.audited] == ["login.failed"]


def test_a_throttled_sign_in_hashes_nothing(world, member):
    for _ in range(5):
        with pytest.raises(InvalidCredentialsError):
            sign_in(world, password="wrong")
    with pytest.raises(TooManyAttemptsError) as refused:
        sign_in(world)
    assert refused.value.wait_seconds == 1.0
    assert world.hasher.calls == 5


def test_a_busy_gate_gives_the_attempt_back(world, member):
    class BusyHasher:
        def check(self, _password, _stored):
            raise HashBusyError

    for _ in range(9):
        with pytest.raises(HashBusyError):
            log_in(LogIn("kim@example.com", PASSWORD), world.work, world.admission, BusyHasher(), world.desk)
    assert sign_in(world).session_id


def test_a_disabled_account_is_told_so_only_after_the_right_password(world, member):
    world.work.users.change(member.id, disabled_at=world.clock())
    with pytest.raises(InvalidCredentialsError):
        sign_in(world, password="wrong")
    with pytest.raises(AccountDisabledError):
        sign_in(world)


def test_an_account_that_changed_during_the_hash_is_not_signed_in(world, member):
    check = world.hasher.check

    def check_slowly(password, stored):
        result = check(password, stored)
        world.work.users.change(member.id, password_hash="hashed:something else")
        return result

    world.hasher.check = check_slowly
    with pytest.raises(InvalidCredentialsError):
        sign_in(world)
    assert world.work.sessions.rows == {}


def test_an_old_hash_is_replaced_on_success(world, member):
    world.hasher.needs_rehash = True
    sign_in(world)
    assert world.hasher.calls == 2


def test_an_old_hash_stays_until_the_next_sign_in_when_no_slot_is_free_to_renew_it(world, member, monkeypatch):
    check = world.hasher.check
    world.hasher.needs_rehash = True

    def check_then_be_busy(password, stored):
        result = check(password, stored)
        monkeypatch.setattr(world.hasher, "hash", busy)
        return result

    def busy(_password):
        raise HashBusyError

    monkeypatch.setattr(world.hasher, "check", check_then_be_busy)
    assert sign_in(world).session_id
    assert world.work.users.by_id(member.id).password_hash == member.password_hash
    assert world.work.throttle.hits.get(b"login:kim@example.com") is None


def test_a_refresh_within_ten_seconds_repeats_and_after_eleven_ends_the_session(world, member):
    first = sign_in(world).refresh_token
    second = refresh(world, first)
    world.clock.pass_seconds(10)
    repeated = refresh(world, first)
    assert (second.outcome, repeated.outcome) == ("rotated", "grace")
    assert repeated.refresh_token == second.refresh_token
    world.clock.pass_seconds(1)
    with pytest.raises(InvalidGrantError) as reuse:
        refresh(world, first)
    assert reuse.value.outcome == "reuse"
    with pytest.raises(InvalidGrantError) as ended:
        refresh(world, second.refresh_token)
    assert ended.value.outcome == "invalid"
    assert [event.type for event in world.work.events] == ["auth.session.refresh_reuse", "auth.session.revoked"]
    assert [event.sequence for event in world.work.events] == [1, 2]


def test_a_racer_that_loses_the_swap_gets_the_winners_successor(world, member):
    token = sign_in(world).refresh_token
    sessions = world.work.sessions
    rotate = sessions.rotate

    def lose(session, now, idle):
        rotate(session, now, idle)  # the other one
        sessions.rotate = rotate
        return False

    sessions.rotate = lose
    late = refresh(world, token)
    assert late.outcome == "grace"
    (session,) = sessions.rows.values()
    assert session.counter == 2


def test_a_session_idles_out_and_ends_for_good_after_thirty_days(world, member):
    token = sign_in(world).refresh_token
    for _ in range(4):
        world.clock.pass_seconds(7 * 86_400 - 1)
        token = refresh(world, token).refresh_token
    world.clock.pass_seconds(2 * 86_400 + 4)
    with pytest.raises(InvalidGrantError):
        refresh(world, token)


def test_a_disabled_accounts_refresh_token_earns_nothing(world, member):
    token = sign_in(world).refresh_token
    world.work.users.rows[member.id] = replace(member, disabled_at=world.clock())
    with pytest.raises(InvalidGrantError):
        refresh(world, token)

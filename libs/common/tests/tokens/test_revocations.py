"""Revocations on a real PostgreSQL: written by the consumer's side, seen by the web's side within a second."""

import os
import threading
import time

import pytest
import sqlalchemy as sa
from waybill_common.database import EngineOptions, make_engine
from waybill_common.tokens import REVOCATIONS_V1, RevocationTable, RevocationView
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def engine(postgres):
    name = f"revocations_{os.getpid()}_{time.monotonic_ns()}"
    postgres.create_database(name)
    engine = make_engine(postgres.url(name), EngineOptions(application_name="test"))
    with engine.begin() as connection:
        connection.exec_driver_sql(REVOCATIONS_V1)
    yield engine
    engine.dispose()


@pytest.fixture
def view(engine):
    view = RevocationView(engine)
    yield view
    view.close()


@pytest.fixture
def write(engine):
    """Call a method of the table in a transaction of its own."""

    def call(method: str, *args):
        with engine.begin() as connection:
            return getattr(RevocationTable(connection), method)(*args)

    return call


def rows(engine) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text("TABLE revocation ORDER BY kind, id"))]


NOW = int(time.time())
UNTIL = NOW + 86_400  # longer than any run of the suite


def test_a_session_is_revoked_whatever_its_tokens_age(write, view):
    write("apply", {"sid": "ses_1", "until": UNTIL})
    assert view.is_revoked("ses_1", "usr_1", NOW + 1_000)
    assert not view.is_revoked("ses_2", "usr_1", NOW)
    assert not view.is_revoked(None, "ses_1", NOW)


def test_a_subject_is_revoked_for_tokens_issued_before(write, view):
    write("apply", {"sub": "usr_1", "not_before": NOW, "until": UNTIL})
    assert view.is_revoked("ses_9", "usr_1", NOW - 1)
    assert not view.is_revoked("ses_9", "usr_1", NOW)
    assert not view.is_revoked("ses_9", "usr_2", NOW - 1)
    assert not view.is_revoked("usr_1", "usr_2", NOW - 1)


def test_a_doubled_or_late_event_changes_nothing(write, engine):
    write("apply", {"sub": "usr_1", "not_before": NOW, "until": UNTIL})
    write("apply", {"sub": "usr_1", "not_before": NOW, "until": UNTIL})
    write("apply", {"sub": "usr_1", "not_before": NOW - 50, "until": UNTIL - 50})
    assert rows(engine) == [("sub", "usr_1", NOW, UNTIL)]


def test_a_newer_event_moves_the_border(write, engine):
    write("apply", {"sub": "usr_1", "not_before": NOW, "until": UNTIL})
    write("apply", {"sub": "usr_1", "not_before": NOW + 5, "until": UNTIL + 5})
    assert rows(engine) == [("sub", "usr_1", NOW + 5, UNTIL + 5)]


def test_other_fields_of_an_event_are_ignored(write, engine):
    write("apply", {"sid": "ses_1", "until": UNTIL, "reason": "logout", "not_before": None})
    assert rows(engine) == [("sid", "ses_1", None, UNTIL)]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"sid": "ses_1"},
        {"sid": "", "until": UNTIL},
        {"sid": 7, "until": UNTIL},
        {"sid": "ses_1", "until": str(UNTIL)},
        {"sid": "ses_1", "until": True},
        {"sub": "usr_1", "until": UNTIL},
        {"sub": "usr_1", "not_before": -1, "until": UNTIL},
        {"sub": "usr_1", "not_before": NOW, "until": 2**40},
    ],
)
def test_a_payload_that_is_none_is_refused(write, engine, data):
    with pytest.raises(ValueError, match="revocation"):
        write("apply", data)
    assert rows(engine) == []


def test_seeding_takes_over_the_issuers_list_and_can_be_repeated(write, engine):
    entries = [
        {"kind": "sub", "id": "usr_1", "not_before": NOW, "until": UNTIL},
        {"kind": "sid", "id": "ses_1", "not_before": None, "until": UNTIL},
        {"kind": "sid", "id": "ses_2", "not_before": NOW, "until": UNTIL},
    ]
    assert write("seed", entries) == 3
    assert write("seed", entries) == 3
    assert write("seed", []) == 0
    assert rows(engine) == [
        ("sid", "ses_1", None, UNTIL),
        ("sid", "ses_2", None, UNTIL),
        ("sub", "usr_1", NOW, UNTIL),
    ]


def test_a_list_with_a_bad_entry_is_refused_whole(write, engine):
    good = {"kind": "sid", "id": "ses_1", "until": UNTIL}
    with pytest.raises(ValueError, match="revocation"):
        write("seed", [good, {"kind": "jti", "id": "x", "until": UNTIL}])
    assert rows(engine) == []


def test_pruning_removes_what_no_living_token_can_meet(write, engine):
    write("apply", {"sid": "old", "until": NOW - 3600})
    write("apply", {"sid": "new", "until": UNTIL})
    assert write("prune") == 1
    assert [row[1] for row in rows(engine)] == ["new"]


def test_the_feed_has_no_age_before_it_was_seen(view, write):
    assert view.feed_age_seconds() is None
    assert write("feed_seen_at") is None


def test_the_feeds_age_counts_from_the_last_touch(view, write):
    write("touch")
    write("touch")
    assert 0 <= view.feed_age_seconds() < 60
    assert write("feed_seen_at").tzinfo is not None


def test_a_later_revocation_is_seen_by_the_rereading_thread(write, view):
    assert not view.is_revoked("ses_1", "usr_1", NOW)
    write("apply", {"sid": "ses_1", "until": UNTIL})
    assert eventually(lambda: view.is_revoked("ses_1", "usr_1", NOW), 10)


def test_no_thread_and_no_connection_before_the_first_question(engine):
    threads = threading.active_count()
    view = RevocationView(engine)
    checked_out = []
    sa.event.listen(engine, "checkout", lambda *args: checked_out.append(args))
    assert threading.active_count() == threads
    assert checked_out == []
    view.is_revoked(None, "usr_1", NOW)
    assert len(checked_out) >= 1
    view.close()


def test_a_child_that_was_forked_later_rereads_by_itself(write, engine):
    view = RevocationView(engine)
    view.is_revoked("ses_1", "usr_1", NOW)
    write("apply", {"sid": "ses_1", "until": UNTIL})
    view._pid = -1  # as after a fork: the parent's thread does not exist here
    assert view.is_revoked("ses_1", "usr_1", NOW)
    view.close()


def test_while_the_database_is_away_the_last_reading_stays_and_the_age_grows(write, engine, view, monkeypatch):
    write("apply", {"sid": "ses_1", "until": UNTIL})
    write("touch")
    view.is_revoked("ses_1", "usr_1", NOW)
    first = view.feed_age_seconds()

    def refuse(*_args, **_kwargs):
        raise sa.exc.OperationalError("connect", {}, Exception("away"))

    monkeypatch.setattr(engine, "connect", refuse)
    view._read()
    assert view.is_revoked("ses_1", "usr_1", NOW)
    assert view.feed_age_seconds() >= first

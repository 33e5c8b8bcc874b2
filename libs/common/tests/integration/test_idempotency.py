"""Idempotency keys on real PostgreSQL: one execution, equal replays, refusals that leave no trace."""

import threading

import pytest
import sqlalchemy as sa
from waybill_common.database import EngineOptions, make_engine
from waybill_common.idempotency import (
    IDEMPOTENCY_V1,
    Answer,
    KeyInProgressError,
    KeyRequest,
    KeyReusedError,
    KeyStore,
    fingerprint,
    parse_key,
    remove_old_keys,
)

pytestmark = pytest.mark.integration

ANSWER = Answer(201, b'{"id":1}', "/v1/things/1", '"1"')


def request(key="k", body=None, scope="usr_1 POST /v1/things"):
    return KeyRequest(scope, key, fingerprint("POST", "/v1/things", body or {"a": 1}))


def build(url):
    engine = make_engine(url, EngineOptions(application_name="build"))
    with engine.begin() as connection:
        connection.execute(sa.text(IDEMPOTENCY_V1))
    engine.dispose()


@pytest.fixture
def engine(fresh_database):
    engine = make_engine(fresh_database("idempotency", build), EngineOptions(application_name="test", pool_size=40))
    yield engine
    engine.dispose()


def test_the_first_claim_runs_and_the_second_replays_the_same_bytes(engine):
    with engine.begin() as connection:
        assert KeyStore(connection).claim(request()) is None
        assert KeyStore(connection).store(request(), ANSWER)
    with engine.begin() as connection:
        replayed = KeyStore(connection).claim(request())
    assert replayed == Answer(201, ANSWER.body, ANSWER.location, ANSWER.etag, replayed=True)


def test_another_body_under_the_same_key_is_refused_and_another_caller_is_not(engine):
    with engine.begin() as connection:
        KeyStore(connection).claim(request())
        KeyStore(connection).store(request(), ANSWER)
    with pytest.raises(KeyReusedError), engine.begin() as connection:
        KeyStore(connection).claim(request(body={"a": 2}))
    with engine.begin() as connection:
        assert KeyStore(connection).claim(request(scope="usr_2 POST /v1/things")) is None


def test_a_rolled_back_claim_leaves_the_key_free(engine):
    with engine.connect() as connection:
        KeyStore(connection).claim(request())
        connection.rollback()
    with engine.begin() as connection:
        assert KeyStore(connection).claim(request()) is None


def test_a_twin_waits_a_second_and_then_hears_that_the_first_still_runs(engine):
    with engine.begin() as first:
        KeyStore(first).claim(request())
        with pytest.raises(KeyInProgressError), engine.begin() as second:
            KeyStore(second).claim(request())


def test_a_committed_claim_without_an_answer_is_in_progress_until_it_is_stored_once(engine):
    with engine.begin() as connection:
        KeyStore(connection).claim(request())
    with pytest.raises(KeyInProgressError), engine.begin() as connection:
        KeyStore(connection).claim(request())
    with engine.begin() as connection:
        assert KeyStore(connection).store(request(), ANSWER)
        assert not KeyStore(connection).store(request(), Answer(202, b"{}"))
        assert KeyStore(connection).replay(request()).status == 201


def test_the_wait_of_the_claim_does_not_outlive_it(engine):
    with engine.begin() as connection:
        before = connection.execute(sa.text("SHOW lock_timeout")).scalar()
        KeyStore(connection).claim(request())
        assert connection.execute(sa.text("SHOW lock_timeout")).scalar() == before


def test_of_many_equal_requests_at_once_exactly_one_runs(engine):
    barrier, ran, answers = threading.Barrier(32), [], []

    def work():
        barrier.wait()
        while True:
            try:
                with engine.begin() as connection:
                    answer = KeyStore(connection).claim(request())
                    if answer is None:
                        ran.append(1)
                        KeyStore(connection).store(request(), ANSWER)
                        answer = ANSWER
            except KeyInProgressError:
                continue
            answers.append(answer.body)
            return

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert (len(ran), answers) == (1, [ANSWER.body] * 32)


def test_old_keys_go_in_small_batches(engine):
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO idempotency (scope, key, fingerprint, created_at) "
                "SELECT 's', n::text, '', now() - interval '8 days' FROM generate_series(1, 5) n"
            )
        )
        KeyStore(connection).claim(request())
        assert [remove_old_keys(connection, 7, most=3) for _ in range(3)] == [3, 2, 0]
        assert connection.execute(sa.text("SELECT count(*) FROM idempotency")).scalar() == 1


@pytest.mark.parametrize(
    ("header", "key"),
    [("abc", "abc"), ('"abc"', "abc"), (" a b ", "a b"), ('"a"b"', 'a"b'), ("k" * 255, "k" * 255)],
)
def test_bare_and_quoted_keys_are_the_same(header, key):
    assert parse_key(header) == key


@pytest.mark.parametrize("header", ["", '""', "k" * 256, "ü", "a\tb", "a\x7f"])
def test_other_keys_are_refused(header):
    with pytest.raises(ValueError, match="Idempotency-Key"):
        parse_key(header)


def test_member_order_and_white_space_do_not_change_the_fingerprint():
    assert fingerprint("POST", "/x", {"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint(
        "POST", "/x", {"b": {"d": 3, "c": 2}, "a": 1}
    )
    assert fingerprint("POST", "/x", {"a": 1}) != fingerprint("POST", "/y", {"a": 1})

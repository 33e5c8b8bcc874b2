"""The relay on a real database and both brokers: nothing lost, order kept, one poison row stops nobody."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.messaging import NewEvent, Relay, RelayMetrics, connect_broker
from waybill_common.messaging.broker import Outgoing, PublishNackedError, PublishRefusedError, PublishTimeoutError
from waybill_testkit.rabbitmq import RabbitServer
from waybill_testkit.waiting import eventually

from .support import QUEUE, RELAYING, TOPOLOGY, TYPE, Flow, running

pytestmark = pytest.mark.integration
QUICK = replace(RELAYING, backoff_first_seconds=0.001, backoff_most_seconds=0.01)


class FaultyBroker:
    """A broker whose publishers do what a test asks for before they publish."""

    def __init__(self, real: Any, fault: Any) -> None:
        self._real = real
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def publisher(self) -> Any:
        return FaultyPublisher(self._real.publisher(), self._fault)


class FaultyPublisher:
    def __init__(self, real: Any, fault: Any) -> None:
        self._real = real
        self._fault = fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def send(self, batch: Sequence[Outgoing]) -> None:
        self._fault(batch, self._real)

    def wait(self, *, while_blocked: bool = True) -> None:
        """`send` has waited."""


def test_every_committed_event_reaches_the_queue_and_leaves_the_outbox(flow: Flow) -> None:
    flow.append_numbered("usr_1", 250)
    with flow.relaying():
        eventually(lambda: flow.broker.depth(QUEUE) == 250)
        eventually(lambda: flow.count("outbox") == 0)
    assert flow.count("event_log") == 250
    assert flow.metric("outbox_publish_total", outcome="confirmed") == 250


def test_an_event_that_is_rolled_back_is_never_published(flow: Flow) -> None:
    from waybill_common.messaging import append_events

    with flow.engine.connect() as connection:
        append_events(connection, [NewEvent(TYPE, "usr_1", {}, sequence=1)])
        connection.rollback()
    flow.append_numbered("usr_2", 1)
    with flow.relaying():
        eventually(lambda: flow.count("outbox") == 0)
    assert flow.broker.depth(QUEUE) == 1


def test_order_per_subject_is_kept_through_relay_and_consumer(flow: Flow) -> None:
    subjects = [f"usr_{number}" for number in range(5)]
    with flow.relaying(replace(RELAYING, batch=7)), flow.consuming():
        for sequence in range(1, 21):
            for subject in subjects:
                flow.append(NewEvent(TYPE, subject, {}, sequence=sequence))
        eventually(lambda: flow.count("effect") == 100)
    for subject in subjects:
        assert flow.effects(subject) == list(range(1, 21))


def test_a_type_nobody_is_bound_for_gets_no_pointer_and_one_inserted_by_hand_is_dropped_and_counted(flow: Flow) -> None:
    flow.append(NewEvent("auth.key.rotated", "key_1", {}))
    assert (flow.count("event_log"), flow.count("outbox")) == (1, 0)
    flow.rows_changed("INSERT INTO outbox SELECT position FROM event_log")
    flow.append_numbered("usr_1", 1)
    with flow.relaying():
        eventually(lambda: flow.count("outbox") == 0)
    assert flow.broker.depth("waybill.unrouted") == 0
    assert flow.metric("outbox_publish_total", outcome="unbound") == 1


def test_history_is_replayed_by_inserting_positions(flow: Flow) -> None:
    flow.append_numbered("usr_1", 3)
    with flow.relaying(), flow.consuming():
        eventually(lambda: flow.count("effect") == 3)
        flow.rows_changed("INSERT INTO outbox SELECT position FROM event_log")
        eventually(lambda: flow.metric("inbox_duplicates_total") == 3)
    assert flow.effects("usr_1") == [1, 2, 3]


def test_an_oversize_row_goes_to_outbox_dead_and_the_others_flow(flow: Flow) -> None:
    flow.append_numbered("usr_1", 1)
    flow.rows_changed(
        """WITH l AS (INSERT INTO event_log (event_id, type, subject, sequence, data)
               VALUES (gen_random_uuid(), :type, 'usr_2', 1, jsonb_build_object('x', repeat('x', 70000)))
               RETURNING position)
           INSERT INTO outbox SELECT position FROM l""",
        type=TYPE,
    )
    flow.append_numbered("usr_3", 1)
    with flow.relaying():
        eventually(lambda: flow.count("outbox") == 0)
    assert flow.broker.depth(QUEUE) == 2
    [(error,)] = flow.rows("SELECT error FROM outbox_dead")
    assert "65536" in str(error)


def test_a_pointer_without_an_event_goes_to_outbox_dead(flow: Flow) -> None:
    flow.rows_changed("INSERT INTO outbox VALUES (4711)")
    with flow.relaying():
        eventually(lambda: flow.count("outbox_dead") == 1)
    assert flow.count("outbox") == 0


def test_a_row_the_broker_refuses_is_found_by_halving_and_the_others_arrive(flow: Flow) -> None:
    flow.append_numbered("usr_1", 30)
    poison = flow.rows("SELECT event_id::text FROM event_log ORDER BY position OFFSET 17 LIMIT 1")[0][0]

    def refuse(batch: Sequence[Outgoing], real: Any) -> None:
        if any(outgoing.message.message_id == poison for outgoing in batch):
            real.close()
            raise PublishRefusedError(406, "PRECONDITION_FAILED - message too large")
        real.publish(batch)

    real = flow.broker
    flow.broker = FaultyBroker(real, refuse)
    with flow.relaying(replace(QUICK, batch=16)):
        eventually(lambda: flow.count("outbox") == 0)
    flow.broker = real
    with flow.consuming():
        eventually(lambda: flow.count("effect") == 29)
    assert flow.rows("SELECT event_id::text FROM outbox_dead JOIN event_log USING (position)") == [(poison,)]


@pytest.mark.parametrize(
    "error",
    [PublishNackedError("full"), PublishTimeoutError("no confirm"), PublishRefusedError(404, "no such exchange")],
)
def test_a_failure_that_is_not_the_rows_fault_buries_nothing(flow: Flow, error: Exception) -> None:
    """The control of the halving: the same relay, failing just as often, for another reason."""
    failures = iter(range(12))

    def fail(batch: Sequence[Outgoing], real: Any) -> None:
        if next(failures, None) is not None:
            real.close()
            raise error
        real.publish(batch)

    flow.append_numbered("usr_1", 1)
    real = flow.broker
    flow.broker = FaultyBroker(real, fail)
    with flow.relaying(QUICK):
        eventually(lambda: flow.count("outbox") == 0)
    assert real.depth(QUEUE) == 1
    assert flow.count("outbox_dead") == 0


def test_a_crash_between_confirm_and_commit_publishes_twice_and_has_one_effect(flow: Flow) -> None:
    crashed = threading.Event()

    def crash(batch: Sequence[Outgoing], real: Any) -> None:
        real.publish(batch)
        if not crashed.is_set():
            crashed.set()
            end_session(flow, "auth-relay")  # the commit can only fail now, as after a kill

    flow.append_numbered("usr_1", 5)
    real = flow.broker
    flow.broker = FaultyBroker(real, crash)
    with flow.relaying():
        eventually(lambda: flow.count("outbox") == 0)
    assert crashed.is_set()
    assert real.depth(QUEUE) == 10, "the control: without the inbox each would have two effects"
    flow.broker = real
    with flow.consuming():
        eventually(lambda: flow.metric("inbox_duplicates_total") == 5)
    assert flow.effects("usr_1") == [1, 2, 3, 4, 5]


def test_when_the_leaders_session_ends_the_other_relay_takes_over_and_order_is_kept(flow: Flow) -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    options = replace(RELAYING, batch=10)
    relays = [Relay(flow.url, flow.broker, "auth", RelayMetrics(registry), options) for registry in registries]

    def leaders() -> list[float]:
        return [registry.get_sample_value("outbox_relay_leader") or 0.0 for registry in registries]

    with ExitStack() as stack:
        stack.enter_context(flow.consuming())
        for relay in relays:
            stack.enter_context(running(relay.run))
        eventually(lambda: sum(leaders()) == 1)
        for round_ in range(3):
            flow.append_numbered("usr_1", 40, first=40 * round_ + 1)
            end_session(flow, "auth-relay", leader=True)
        eventually(lambda: flow.count("effect") == 120)
        eventually(lambda: sum(leaders()) == 1)
    assert flow.effects("usr_1") == list(range(1, 121))


def test_only_one_of_two_relays_publishes(flow: Flow) -> None:
    registries = [CollectorRegistry(), CollectorRegistry()]
    with ExitStack() as stack:
        for registry in registries:
            relay = Relay(flow.url, flow.broker, "auth", RelayMetrics(registry), RELAYING)
            stack.enter_context(running(relay.run))
        flow.append_numbered("usr_1", 50)
        eventually(lambda: flow.count("outbox") == 0)
    confirmed = [r.get_sample_value("outbox_publish_total", {"outcome": "confirmed"}) or 0.0 for r in registries]
    assert sorted(confirmed) == [0.0, 50.0]


def test_a_failure_of_a_later_batch_brings_back_the_whole_window(flow: Flow) -> None:
    sent: list[list[str]] = []

    def fail_second(batch: Sequence[Outgoing], real: Any) -> None:
        sent.append([outgoing.message.message_id for outgoing in batch])
        if len(sent) == 2:
            raise PublishNackedError("full")
        real.publish(batch)

    flow.append_numbered("usr_1", 20)
    flow.broker = FaultyBroker(flow.broker, fail_second)
    with flow.relaying(replace(QUICK, batch=5, window=3)):
        eventually(lambda: flow.count("outbox") == 0)
    assert sent[2] == sent[0]
    assert [len(set(ids)) for ids in sent] == [5, 5, 5, 5, 5, 5]


def test_the_relay_claims_nothing_while_the_broker_blocks(flow: Flow) -> None:
    blocked = threading.Event()
    blocked.set()

    class Blocking(FaultyPublisher):
        @property
        def blocked(self) -> bool:
            return blocked.is_set()

    class BlockingBroker(FaultyBroker):
        def publisher(self) -> Any:
            return Blocking(self._real.publisher(), lambda batch, real: real.publish(batch))

    flow.append_numbered("usr_1", 1)
    real = flow.broker
    flow.broker = BlockingBroker(real, None)
    with flow.relaying():
        eventually(lambda: flow.metric("outbox_relay_blocked") == 1)
        eventually(lambda: flow.metric("outbox_oldest_pending_age_seconds") > 0)
        assert real.depth(QUEUE) == 0
        blocked.clear()
        eventually(lambda: flow.count("outbox") == 0)
    assert real.depth(QUEUE) == 1


def test_a_real_alarm_keeps_the_relay_waiting_without_a_claim_and_it_resumes_by_itself(
    database_url: str, engine: sa.Engine
) -> None:
    """On its own broker. The batches are larger than what the socket takes while the broker does not read."""
    server = RabbitServer()
    try:
        broker = connect_broker(server.url)
        broker.declare(TOPOLOGY)
        flow = Flow(database_url, engine, broker)
        server.ctl("set_vm_memory_high_watermark", "0")
        for number in range(400):
            flow.append(NewEvent(TYPE, f"usr_{number}", {"filler": "x" * 40_000}, sequence=1))
        with flow.relaying():
            eventually(lambda: flow.metric("outbox_relay_blocked") == 1)
            claims = "SELECT 1 FROM pg_locks WHERE relation = 'outbox'::regclass AND mode = 'RowExclusiveLock'"
            eventually(lambda: not flow.rows(claims))
            assert flow.metric("outbox_publish_total", outcome="timeout") == 0
            assert flow.count("outbox") == 400
            server.ctl("set_vm_memory_high_watermark", "0.4")
            eventually(lambda: flow.count("outbox") == 0, within_seconds=60)
        eventually(lambda: broker.depth(QUEUE) >= 400)
    finally:
        server.close()


def end_session(flow: Flow, application_name: str, *, leader: bool = False) -> None:
    """End the relay's work session from the server's side: the leader's alone, or every one of that name."""
    holds = "AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)" if leader else ""
    connection = psycopg2.connect(flow.url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            f"WHERE datname = current_database() AND application_name = %s {holds}",
            (application_name,),
        )
    connection.close()

"""What the spans of requests, statements, calls, messages and jobs say, and what they never say."""

import threading
from datetime import UTC, datetime

import psycopg2
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.database import DatabaseMetrics, EngineOptions, Listener, make_engine
from waybill_common.http import PUBLIC, GuardedBlueprint, ServiceParts, create_service_app, json_answer, operation
from waybill_common.jobs import JOBS_V1, Done, Failed, JobMetrics, NewJob, Worker, WorkerOptions, enqueue
from waybill_common.messaging import IncomingEvent
from waybill_common.messaging.broker import Message, Outgoing
from waybill_common.messaging.spans import Publishing, process_span
from waybill_common.telemetry import NewSpan, current_traceparent, use_context
from waybill_testkit.waiting import eventually

from .conftest import SAMPLED, UNSAMPLED

pytestmark = pytest.mark.integration
ADDRESS, SECRET = "kim@waybill.example", "s3cret-t0ken"


def crash():
    raise RuntimeError(f"{ADDRESS} {SECRET}")


@pytest.fixture
def client():
    blueprint = GuardedBlueprint("demo", __name__, access=PUBLIC)

    @blueprint.get("/things/<thing_id>")
    @operation()
    def thing(thing_id):
        return json_answer({"trace": current_traceparent()})

    @blueprint.post("/u/<token>")
    @operation()
    def unsubscribe(token):
        return json_answer({})

    @blueprint.get("/crash")
    @operation()
    def broken():
        crash()

    parts = ServiceParts(name="demo", registry=CollectorRegistry(), verifier=None, blueprints=[blueprint])
    return create_service_app(parts).test_client()


@pytest.fixture
def url(fresh_database):
    return fresh_database()


@pytest.fixture
def engine(url):
    engine = make_engine(url, EngineOptions(application_name="t"), DatabaseMetrics(CollectorRegistry()))
    yield engine
    engine.dispose()


def told(spans):
    """Everything that was sent, as one text to search."""
    return repr(spans)


def test_a_request_is_named_by_its_route(client, trace, sent):
    trace(sampling=0.0)
    own = client.get("/things/7", headers={"traceparent": SAMPLED}).json["trace"]
    (span,) = sent()
    assert (span.name, span.kind, span.is_failed) == ("GET /things/<thing_id>", "SERVER", False)
    assert span.attributes == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/things/<thing_id>",
        "url.path": "/things/7",
        "url.scheme": "http",
    }
    assert (span.trace_id, span.parent_id) == tuple(SAMPLED.split("-")[1:3])
    assert own.split("-")[2] == span.span_id


def test_a_path_with_a_token_or_without_a_route_is_not_repeated(client, trace, sent):
    trace()
    client.post(f"/u/{SECRET}", headers={"Authorization": f"Bearer {SECRET}", "Cookie": SECRET})
    client.get(f"/reset/{SECRET}/{ADDRESS}")
    client.open("/", method="LEAK")
    spans = sent()
    by_name = {span.name: span for span in spans}
    assert by_name["POST /u/<token>"].attributes["url.path"] == "/u/<token>"
    assert by_name["GET"].attributes["http.response.status_code"] == 404
    assert by_name["HTTP"].attributes["http.request.method"] == "_OTHER"
    for word in (SECRET, ADDRESS, "LEAK", "127.0.0.1"):
        assert word not in told([span.attributes for span in spans])


def test_a_crash_is_told_by_its_type(client, trace, sent):
    trace()
    assert client.get("/crash").status_code == 500
    (span,) = sent()
    assert span.is_failed
    assert span.attributes["error.type"] == "RuntimeError"
    assert span.attributes["http.response.status_code"] == 500
    assert ADDRESS not in told(span)
    assert SECRET not in told(span)


def test_an_unsampled_request_leaves_nothing(client, engine, trace, sent):
    trace()
    client.get("/things/7", headers={"traceparent": UNSAMPLED})
    with use_context(traceparent=UNSAMPLED, span=NewSpan("r", "server")), engine.begin() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert sent() == []


def test_each_statement_has_a_span_of_what_it_does_to_what(engine, trace, sent):
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE contact (email text UNIQUE)"))
    trace()
    insert = sa.text("INSERT INTO contact (email) VALUES (:email)")
    with use_context(span=NewSpan("request", "server")), engine.begin() as connection:
        connection.execute(insert, {"email": ADDRESS})
        connection.execute(sa.text("SELECT lower(:text)"), {"text": SECRET})
    with (
        pytest.raises(sa.exc.IntegrityError),
        use_context(span=NewSpan("failing", "server")),
        engine.begin() as connection,
    ):
        connection.execute(insert, {"email": ADDRESS})
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 2"))  # in nobody's request
    spans = sent()
    request = next(span for span in spans if span.name == "request")
    below = [span for span in spans if span.parent_id == request.span_id]
    assert [span.name for span in below] == ["INSERT contact", "SELECT lower", "COMMIT"]
    assert below[0].kind == "CLIENT"
    assert below[0].attributes["db.system.name"] == "postgresql"
    assert below[0].attributes["db.operation.name"] == "INSERT"
    assert below[0].attributes["db.namespace"] == engine.url.database
    failing = next(span for span in spans if span.name == "failing")
    refused, rollback = [span for span in spans if span.parent_id == failing.span_id]
    assert (refused.is_failed, refused.attributes["error.type"]) == (True, "23505")
    assert (rollback.name, rollback.is_failed) == ("ROLLBACK", False)
    assert ADDRESS not in told(spans)
    assert SECRET not in told(spans)
    assert "SELECT 2" not in told(spans)


def test_a_raw_cursor_in_autocommit_is_seen_too(engine, trace, sent):
    trace()
    with use_context(span=NewSpan("request", "server")):
        connection = engine.raw_connection()
        connection.driver_connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_class WHERE relname = %s", (SECRET,))
            with pytest.raises(psycopg2.Error):
                cursor.execute("SELECT missing FROM pg_class")
        connection.close()
    names = [(span.name, span.attributes.get("error.type")) for span in sent() if "pg_class" in span.name]
    assert names == [("SELECT pg_class", None), ("SELECT pg_class", "42703")]


def test_each_try_of_a_call_has_a_span_whose_id_the_peer_gets(peer, connect, trace, sent):
    trace()
    peer.script = [lambda talk: talk.answer(503)]
    with use_context(span=NewSpan("request", "server"), tracestate="a=1", traceparent=SAMPLED):
        connect().request("GET", f"/internal/users/usr_1/contact?code={SECRET}", headers={"X": ADDRESS})
    spans = [span for span in sent() if span.kind == "CLIENT"]
    assert [span.attributes.get("http.request.resend_count") for span in spans] == [None, 1]
    assert [span.attributes["http.response.status_code"] for span in spans] == [503, 200]
    assert [span.attributes.get("error.type") for span in spans] == ["503", None]
    assert spans[0].attributes["server.address"] == "127.0.0.1"
    assert spans[0].attributes["url.full"].endswith("/internal/users/usr_1/contact")
    assert [request.headers["traceparent"].split("-")[2] for request in peer.requests] == [
        span.span_id for span in spans
    ]
    assert peer.requests[0].headers["tracestate"] == "a=1"
    assert SECRET not in told(spans)
    assert ADDRESS not in told(spans)


def test_a_call_that_gets_no_answer_is_told_by_its_reason(peer, connect, trace, sent):
    trace()
    peer.default = lambda talk: talk.drop()
    with use_context(span=NewSpan("request", "server")), pytest.raises(Exception, match="peer"):
        connect(max_attempts=1).request("GET", "/")
    (span,) = [span for span in sent() if span.kind == "CLIENT"]
    assert span.is_failed
    assert span.attributes["error.type"] == "dropped"


def outgoing(number, traceparent):
    headers = {} if traceparent is None else {"traceparent": traceparent}
    message = Message(routing_key="orders.order.placed", body=b"{}", message_id=f"m-{number}", headers=headers)
    return Outgoing("waybill.events", "orders.order.placed", message)


def publish_in_vain(batch):
    with Publishing("rabbitmq") as publishing:
        publishing.sent(batch)
        raise ConnectionError(SECRET)


def test_publishing_is_linked_to_the_request_and_does_not_replace_it(trace, sent):
    trace(sampling=0.0)
    batch = [outgoing(1, SAMPLED), outgoing(2, UNSAMPLED), outgoing(3, None)]
    with Publishing("rabbitmq") as publishing:
        publishing.sent(batch)
    with pytest.raises(ConnectionError):
        publish_in_vain(batch)
    good, bad = sent()
    assert (good.name, good.kind) == ("publish waybill.events:orders.order.placed", "PRODUCER")
    assert good.attributes["messaging.message.id"] == "m-1"
    assert good.attributes["messaging.operation.type"] == "send"
    assert good.links == [tuple(SAMPLED.split("-")[1:3])]
    assert good.trace_id != good.links[0][0]
    assert batch[0].message.headers == {"traceparent": SAMPLED}
    assert (bad.is_failed, bad.attributes["error.type"]) == (True, "ConnectionError")


def test_a_message_is_named_by_where_it_came_from_and_went(trace, sent):
    trace()
    event = IncomingEvent("e-1", "orders.order.placed", "/waybill/orders", "ord_1", 1, datetime.now(UTC), {})
    with use_context(traceparent=SAMPLED, span=process_span("rabbitmq", "notifier.events.v1", event, None)):
        pass
    with use_context(span=process_span("rabbitmq", "notifier.events.v1", event, SAMPLED)):
        pass
    young, old = sent()
    assert young.name == "process waybill.events:orders.order.placed:notifier.events.v1"
    assert young.kind == "CONSUMER"
    assert young.attributes["messaging.system"] == "rabbitmq"
    assert (young.parent_id, young.links) == (SAMPLED.split("-")[2], [])
    assert (old.parent_id, old.links) == ("", [tuple(SAMPLED.split("-")[1:3])])


@pytest.fixture
def work_off(url, engine):
    """`work_off(handlers)` runs jobs of these kinds until the test is over."""
    with engine.begin() as connection:
        connection.execute(sa.text(JOBS_V1))
    stop, threads = threading.Event(), []

    def start(handlers):
        options = WorkerOptions(threads=1, poll_seconds=0.05)
        worker = Worker(engine, Listener(url, [], "t"), handlers, JobMetrics(CollectorRegistry()), options)
        threads.append(threading.Thread(target=worker.run, args=(stop,)))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


def test_a_job_runs_in_the_trace_that_made_it_and_its_handler_sees_its_own_payload(work_off, engine, trace, sent):
    trace(sampling=0.0)
    request = use_context(traceparent=SAMPLED, tracestate="a=1", span=NewSpan("request", "server"))
    with request, engine.begin() as connection:
        for kind in ("bad", "good"):
            enqueue(connection, NewJob(kind, kind, {"thing_id": "t-1"}))
    with engine.begin() as connection:
        enqueue(connection, NewJob("alone", "good", {"thing_id": "t-2"}))
    seen = []

    def good(run):
        seen.append((dict(run.payload), current_traceparent()))
        return Done()

    work_off({"good": good, "bad": lambda run: Failed(ADDRESS)})

    def over():
        with engine.connect() as connection:
            return not connection.execute(sa.text("SELECT count(*) FROM job WHERE state = 'pending'")).scalar()

    eventually(over)
    spans = {span.name: span for span in sent()}
    assert sorted(payload["thing_id"] for payload, _ in seen) == ["t-1", "t-2"]
    assert all(payload.keys() == {"thing_id"} for payload, _ in seen)
    request, job = spans["request"], spans["job good"]
    assert (job.kind, job.trace_id, job.parent_id) == ("CONSUMER", request.trace_id, request.span_id)
    assert job.attributes == {"waybill.job.kind": "good", "waybill.job.attempt": 1}
    assert job.tracestate == "a=1"
    assert spans["job bad"].attributes["error.type"] == "given_up"
    assert ADDRESS not in told(list(spans.values()))

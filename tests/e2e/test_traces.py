"""One trace from the request to the mail, on the real processes with RabbitMQ and on the embedded broker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from waybill_standalone.platform import Mode, Platform
from waybill_testkit.collector import BlackHole, Collector, SeenSpan
from waybill_testkit.waiting import eventually, free_port

from tests.e2e.client import Api, Mailbox, Person, new_key, sign_up
from tests.e2e.conftest import DEPLOYED, ENVIRONMENT

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(bool(DEPLOYED), reason="needs a platform of its own")]

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
PROCESS = "process waybill.events:orders.order.placed:notifier.events.v1"
PUBLISH = "publish waybill.events:orders.order.placed"
CONTACT = "GET /internal/users/<user_id>/contact"
ADDRESS = {"name": "Kim Waybill", "line1": "1 Harbour Street", "city": "Dublin", "postal_code": "D01", "country": "IE"}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


# Without a share of its own: the one trace is asked for by the caller.
@pytest.fixture(scope="module", params=["processes", "standalone"])
def traced(request: pytest.FixtureRequest, collector: Collector, tmp_path_factory: pytest.TempPathFactory):
    mode: Mode = request.param
    settings = {"WAYBILL_TRACES_ENDPOINT": collector.url, "WAYBILL_TRACES_SAMPLING": "0"}
    with Platform(tmp_path_factory.mktemp(f"traced-{mode}"), mode, ENVIRONMENT | settings) as platform:
        yield platform


def customer(platform: Platform) -> tuple[Person, str]:
    """A signed-in customer, and the SKU of a product in stock."""
    api = Api(platform.urls)
    account = platform.accounts["staff"]
    staff = Person(api, account["email"], account["password"]).sign_in()
    sku = f"SKU-{new_key()[:8].upper()}"
    thing = {"name": "Thing", "unit_price": {"amount": 990, "currency": "EUR"}, "active": True}
    staff.call("orders", f"PUT /v1/products/{sku}", thing).expect(201)
    staff.stock(sku, 100).expect(200)
    return sign_up(api, Mailbox(api)), sku


def place(person: Person, sku: str, traceparent: str = "") -> None:
    body = {"lines": [{"sku": sku, "quantity": 1}], "shipping_address": ADDRESS}
    person.call(
        "orders", "POST /v1/orders", body, Idempotency_Key=new_key(), traceparent=traceparent, tracestate="shop=1"
    ).expect(201)


def test_one_trace_goes_from_the_request_to_the_mail(traced: Platform, collector: Collector) -> None:
    kim, sku = customer(traced)
    assert collector.spans() == [], "nobody asked for these to be sampled"
    place(kim, sku, f"00-{TRACE}-{CALLER}-01")
    mails = Mailbox(kim.api).wait(kim.email, 2)
    expected = {"POST /v1/orders", PROCESS, "job deliver", CONTACT, "smtp send"}
    # Each process sends when it likes.
    eventually(lambda: expected <= {span.name for span in collector.spans(trace_id=TRACE)}, within_seconds=60)
    eventually(lambda: collector.spans(PUBLISH), within_seconds=60)
    spans = collector.spans(trace_id=TRACE)

    (request,) = named(spans, "POST /v1/orders")
    assert (request.kind, request.parent_id) == ("SERVER", CALLER)
    assert request.attributes["http.response.status_code"] == 201
    statements = [span for span in spans if span.parent_id == request.span_id and span.kind == "CLIENT"]
    assert "SELECT place_order" in {span.name for span in statements}
    assert {span.attributes["db.namespace"] for span in statements} == {"orders"}

    (processed,) = named(spans, PROCESS)
    assert (processed.kind, processed.parent_id) == ("CONSUMER", request.span_id)
    assert processed.tracestate == "shop=1"
    (job,) = named(spans, "job deliver")
    assert job.parent_id == processed.span_id
    calls = [span for span in spans if span.parent_id == job.span_id and span.name == "GET"]
    assert [call.attributes["url.full"].rpartition("/")[2] for call in calls] == ["contact"]
    (answered,) = named(spans, CONTACT)
    assert answered.parent_id == calls[0].span_id
    (mail,) = named(spans, "smtp send")
    assert mail.parent_id == job.span_id
    assert mail.events == ["connected", "envelope", "data_sent"]
    assert mail.attributes["waybill.smtp.reply_code"] == 250

    (published,) = collector.spans(PUBLISH)
    assert published.links == [(TRACE, request.span_id)]
    assert published.trace_id != TRACE
    assert published.attributes["messaging.message.id"] == processed.attributes["messaging.message.id"]
    assert {span.attributes["messaging.system"] for span in (published, processed)} == {
        "rabbitmq" if traced.mode == "processes" else "postgresql"
    }
    if traced.mode == "processes":
        makers = [request.service, published.service, processed.service, answered.service, mail.service]
        assert makers == ["orders", "orders", "notifier", "auth", "notifier"]
        assert {span.resource["waybill.process"] for span in spans} == {"web", "consumer", "worker"}
        instances = {span.resource["service.instance.id"] for span in (request, published, processed, answered, mail)}
        assert len(instances) == 5
    text = repr(collector.spans())
    for word in (kim.email, kim.password, kim.token, kim.token[:40], ADDRESS["line1"], mails[0]["message_id"]):
        assert word not in text
    collector.clear()


def named(spans: list[SeenSpan], name: str) -> list[SeenSpan]:
    return [span for span in spans if span.name == name]


@pytest.mark.parametrize(("kind", "mode"), [("black hole", "processes"), ("refusing", "standalone")])
def test_without_a_collector_orders_are_placed_and_mailed_and_every_process_ends_by_itself(
    kind: str, mode: Mode, tmp_path: Path
) -> None:
    with BlackHole() as hole:
        endpoint = hole.url if kind == "black hole" else f"http://127.0.0.1:{free_port()}"
        settings = {"WAYBILL_TRACES_ENDPOINT": endpoint, "WAYBILL_TRACES_SAMPLING": "1"}
        with Platform(tmp_path, mode, ENVIRONMENT | settings) as platform:
            kim, sku = customer(platform)
            for _ in range(20):
                place(kim, sku)
            Mailbox(kim.api).wait(kim.email, 21)
            assert kind == "refusing" or hole.swallowed.is_set()
            os.kill(platform.pid, signal.SIGTERM)
            eventually(lambda: not platform.is_running(), within_seconds=60)
        # The keeper says so when it has to kill one that did not end within its grace.
        assert "process_killed" not in platform.output()
        logs = [log.read_text(encoding="utf-8", errors="replace") for log in (tmp_path / "logs").glob("*.log")]
    lost = sum(text.count('"spans_lost"') for text in logs)
    assert 0 < lost <= 2 * len(logs), "said once a minute by each process, not for each span"

"""Which requests are recorded, what travels of them, and what is said where nothing is."""

import subprocess
import sys

import pytest
from structlog.testing import capture_logs
from waybill_common.clock import utc_now
from waybill_common.telemetry import (
    NewSpan,
    child_span,
    current_span,
    current_traceparent,
    current_tracestate,
    fail_span,
    get_logger,
    is_tracing,
    merge_context,
    new_traceparent,
    outgoing_headers,
    parent_or_link,
    record_root,
    record_span,
    use_context,
)

from .conftest import SAMPLED, UNSAMPLED

pytestmark = pytest.mark.integration
ROOT, INNER = NewSpan("root", "server"), NewSpan("inner", "client", {"n": 1})
STATE = "vendor=a1,other=b2"


def one_request(traceparent=None, tracestate=None):
    with use_context(traceparent=traceparent, tracestate=tracestate, span=ROOT):
        with child_span(INNER if current_span() is not None else None):
            pass
        record_span(NewSpan("sql", "client"), 0.001)
        return current_traceparent(), outgoing_headers()


def test_a_sampled_parent_is_followed_whatever_the_ratio(trace, sent):
    trace(sampling=0.0)
    own, outgoing = one_request(SAMPLED, STATE)
    spans = {span.name: span for span in sent()}
    assert sorted(spans) == ["inner", "root", "sql"]
    root, inner, sql = spans["root"], spans["inner"], spans["sql"]
    assert (root.trace_id, root.parent_id) == tuple(SAMPLED.split("-")[1:3])
    assert {inner.parent_id, sql.parent_id} == {root.span_id}
    assert own.split("-")[2] == root.span_id, "what is written into events is the span itself"
    assert outgoing == {"traceparent": own, "tracestate": STATE}
    assert root.tracestate == STATE


def test_an_unsampled_parent_leaves_no_span_and_its_trace_goes_on(trace, sent):
    trace(sampling=1.0)
    own, outgoing = one_request(UNSAMPLED, STATE)
    assert sent() == []
    assert own.split("-")[1] == UNSAMPLED.split("-")[1]
    assert own.endswith("-00")
    assert outgoing["traceparent"].endswith("-00")
    assert outgoing["traceparent"] != own
    assert outgoing["tracestate"] == STATE


@pytest.mark.parametrize(("ratio", "spans"), [(0.0, 0), (1.0, 30)])
def test_a_trace_that_begins_here_is_sampled_by_the_ratio(ratio, spans, trace, sent):
    trace(sampling=ratio)
    for _ in range(10):
        own, _ = one_request()
        assert (int(own[-2:], 16) & 1) == ratio
    assert len(sent()) == spans


def test_a_root_that_links_to_a_sampled_trace_is_recorded_for_certain(trace, sent):
    trace(sampling=0.0)
    record_root(NewSpan("publish", "producer", links=(SAMPLED,)), 1)
    record_root(NewSpan("publish", "producer", links=(UNSAMPLED,)), 1)
    (span,) = sent()
    assert span.links == [tuple(SAMPLED.split("-")[1:3])]
    assert span.trace_id != span.links[0][0]
    assert span.parent_id == ""


def test_a_failure_is_told_by_its_type_and_the_first_one_stays(trace, sent):
    trace()
    with pytest.raises(LookupError), use_context(span=ROOT):
        raise LookupError("kim@waybill.example has no token abc")
    with use_context(span=NewSpan("handled", "server")):
        fail_span(RuntimeError("secret"))
        fail_span("500")
    handled, root = sorted(sent(), key=lambda span: span.name)
    assert (root.attributes, root.is_failed, root.events) == ({"error.type": "LookupError"}, True, [])
    assert handled.attributes == {"error.type": "RuntimeError"}
    assert handled.status_text == root.status_text == ""


def test_log_lines_carry_trace_and_span(trace, sent):
    trace()
    with capture_logs(processors=[merge_context]) as lines, use_context(traceparent=SAMPLED, span=ROOT):
        get_logger("x").info("said")
    (span,) = sent()
    assert (lines[0]["trace_id"], lines[0]["span_id"]) == (span.trace_id, span.span_id)


def test_the_resource_names_service_version_process_and_what_the_deployment_says(trace, sent, monkeypatch):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=orders-web-1,deployment.environment.name=staging")
    trace()
    one_request()
    resource = sent()[0].resource
    assert resource["service.name"] == "orders"
    assert resource["service.version"]
    assert resource["service.instance.id"]
    assert resource["waybill.process"] == "web"
    assert resource["k8s.pod.name"] == "orders-web-1"
    assert resource["deployment.environment.name"] == "staging"


def test_an_unreadable_traceparent_takes_its_tracestate_with_it():
    with use_context(traceparent="00-zz", tracestate=STATE):
        assert current_tracestate() is None
    with use_context(traceparent=SAMPLED, tracestate="x" * 513):
        assert current_tracestate() is None


def test_what_is_old_is_linked_and_what_is_young_continued():
    now = utc_now()
    assert parent_or_link(SAMPLED, now) == (SAMPLED, None)
    assert parent_or_link(SAMPLED, now.replace(year=now.year - 1)) == (None, SAMPLED)


def test_while_it_is_off_the_trace_is_carried_and_no_span_is_made():
    assert not is_tracing()
    own, outgoing = one_request(SAMPLED, STATE)
    assert own.split("-")[1] == outgoing["traceparent"].split("-")[1] == SAMPLED.split("-")[1]
    assert own.endswith("-01"), "whoever began the trace asked for it"
    assert len({own, outgoing["traceparent"], SAMPLED}) == 3
    assert new_traceparent().endswith("-00")


PROGRAM = """
import importlib, sys
from waybill_common.settings import ServiceSettings
from waybill_common.telemetry import start_tracing, stop_tracing
for service in ("auth", "orders", "notifier"):
    for module in ("wsgi", "worker", "cli"):
        importlib.import_module(f"waybill_{service}.{module}")
import waybill_common.messaging, waybill_common.http.gunicorn_conf
class Settings(ServiceSettings):
    service = "orders"
start_tracing(Settings(database_url="postgresql://u@h/d", traces_endpoint=sys.argv[1]), "web")
print(sorted(name for name in sys.modules if name.partition(".")[0] in {"opentelemetry", "google"}))
stop_tracing()
"""


@pytest.mark.parametrize("endpoint", ["", "http://127.0.0.1:9"], ids=["off", "on"])
def test_a_process_imports_opentelemetry_only_where_it_is_switched_on(endpoint):
    done = subprocess.run([sys.executable, "-c", PROGRAM, endpoint], capture_output=True, text=True, check=True)
    assert ("opentelemetry.sdk.trace" in done.stdout) is bool(endpoint)
    if not endpoint:
        assert done.stdout == "[]\n"

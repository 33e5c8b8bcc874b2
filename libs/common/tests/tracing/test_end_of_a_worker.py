"""What a gunicorn worker has recorded is sent before it ends, and made after its fork."""

import subprocess
import sys

import psutil
import pytest
import requests
from waybill_testkit.waiting import eventually, free_port

pytestmark = pytest.mark.integration

APPLICATION = '''
"""A service without routes."""
from prometheus_client import CollectorRegistry
from waybill_common.http import ServiceParts, create_service_app
from waybill_common.settings import ServiceSettings
from waybill_common.telemetry import configure_logging, start_tracing


class Settings(ServiceSettings):
    service = "orders"


def create():
    configure_logging("demo", "ERROR")
    start_tracing(Settings(database_url="postgresql://u@h/d", traces_endpoint="ENDPOINT", traces_sampling=1), "web")
    parts = ServiceParts(name="demo", registry=CollectorRegistry(), verifier=None, blueprints=[])
    return create_service_app(parts)
'''


def test_spans_that_wait_are_sent_when_the_worker_is_told_to_end(collector, tmp_path):
    port = free_port()
    (tmp_path / "traced_wsgi.py").write_text(APPLICATION.replace("ENDPOINT", collector.url))
    (tmp_path / "metrics").mkdir()
    gunicorn = (sys.executable, "-m", "gunicorn", "traced_wsgi:create()", "--workers=2", "--threads=2")
    options = ("--config=python:waybill_common.http.gunicorn_conf", f"--pythonpath={tmp_path}")
    process = subprocess.Popen(
        [*gunicorn, *options, f"--bind=127.0.0.1:{port}"],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")},
    )
    try:
        eventually(lambda: answered(port))
        before = len(collector.spans())
        with requests.Session() as session:
            for _ in range(5):
                assert session.get(f"http://127.0.0.1:{port}/", timeout=30).status_code == 404
        workers = psutil.Process(process.pid).children()
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
    spans = collector.spans()
    assert len(spans) >= before + 5
    assert len({span.resource["service.instance.id"] for span in spans}) <= len(workers)


def answered(port):
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=5).status_code == 404
    except requests.RequestException:
        return False

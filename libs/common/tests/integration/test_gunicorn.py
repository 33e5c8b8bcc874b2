"""Two real gunicorn workers behind one metrics port: sums stay exact, over a killed worker too."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
import requests
from waybill_testkit.waiting import eventually, free_port

pytestmark = pytest.mark.integration

APPLICATION = '''
"""A service of two routes."""
import threading

from prometheus_client import CollectorRegistry
from waybill_common.health import HealthChecks
from waybill_common.http import PUBLIC, GuardedBlueprint, ServiceParts, create_service_app, json_answer, operation
from waybill_common.http import with_internal_port
from waybill_common.telemetry import configure_logging


def create():
    configure_logging("demo", "ERROR", level_file="LEVEL_FILE")
    registry = CollectorRegistry()
    blueprint = GuardedBlueprint("demo", __name__, access=PUBLIC)

    @blueprint.get("/hello")
    @operation()
    def hello():
        return json_answer({})

    @blueprint.get("/wait")
    @operation()
    def wait():
        threading.Event().wait(60)
        return json_answer({})

    app = create_service_app(ServiceParts(name="demo", registry=registry, verifier=None, blueprints=[blueprint]))
    return with_internal_port(app, HealthChecks(registry), PORT + 1000)
'''


@pytest.fixture
def server(tmp_path):
    port = free_port()
    application = APPLICATION.replace("PORT", str(port)).replace("LEVEL_FILE", str(tmp_path / "level"))
    (tmp_path / "demo_wsgi.py").write_text(application)
    (tmp_path / "level").write_text("ERROR")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "counter_1.db").write_bytes(b"left by an earlier life")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "demo_wsgi:create()", "--workers=2", "--threads=4"),
                *("--config=python:waybill_common.http.gunicorn_conf", f"--pythonpath={tmp_path}"),
                *(f"--bind=127.0.0.1:{port}", f"--bind=127.0.0.1:{port + 1000}"),
            ],
            stderr=log,
            env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics")},
        )
    try:
        assert eventually(lambda: answers(port))
        yield process, port
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


@pytest.fixture
def lines(tmp_path):
    return lambda: (tmp_path / "log").read_text().splitlines()


def get(port, path, **options):
    return requests.get(f"http://127.0.0.1:{port}{path}", timeout=30, **options)


def answers(port):
    try:
        return get(port + 1000, "/livez").status_code == 200
    except requests.RequestException:
        return False


def metric(port, pattern):
    values = re.findall(rf"^{pattern} (\S+)$", get(port + 1000, "/metrics").text, re.MULTILINE)
    return sum(float(value) for value in values)


HELLO = r'http_server_request_duration_seconds_count\{.*http_route="/hello".*\}'
ACTIVE = r"http_server_active_requests\{.*\}"


def test_sums_are_exact_from_any_worker_and_survive_a_killed_one(server):
    process, port = server
    with ThreadPoolExecutor(8) as pool:
        codes = list(
            pool.map(lambda _: requests.get(f"http://127.0.0.1:{port}/hello", timeout=30).status_code, range(1000))
        )
    assert codes == [200] * 1000
    assert {metric(port, HELLO) for _ in range(10)} == {1000}

    # Three, because one worker may get them all and must have a thread left for the metrics.
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(wait_until_cut, port)
        assert eventually(lambda: metric(port, ACTIVE) == 3)
        workers = psutil.Process(process.pid).children()
        assert len(workers) == 2
        for worker in workers:
            os.kill(worker.pid, signal.SIGKILL)
        assert eventually(lambda: answers(port) and metric(port, ACTIVE) == 0)
    assert metric(port, HELLO) == 1000


def test_the_log_level_changes_in_every_worker_while_it_runs(server, tmp_path, lines):
    _, port = server
    get(port, "/hello")
    assert not any('"request"' in line for line in lines())
    (tmp_path / "level").write_text("INFO")

    def both_have_said_so():
        get(port, "/hello")  # a worker looks when it has something to say
        return sum('"log_level_set"' in line for line in lines()) == 2

    assert eventually(both_have_said_so)
    get(port, "/hello")
    assert any('"request"' in line for line in lines())


def wait_until_cut(port):
    with pytest.raises(requests.RequestException):
        get(port, "/wait")


def test_the_internal_routes_are_on_the_internal_port_alone(server):
    _, port = server
    assert requests.get(f"http://127.0.0.1:{port}/livez", timeout=5).status_code == 404
    assert (
        requests.get(f"http://127.0.0.1:{port}/metrics", headers={"Host": f"x:{port + 1000}"}, timeout=5).status_code
        == 404
    )
    assert requests.get(f"http://127.0.0.1:{port + 1000}/hello", timeout=5).status_code == 404

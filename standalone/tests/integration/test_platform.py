"""The whole platform in one process: it starts, stops all it started and nothing else, and survives a kill."""

import json
import re
import socket
import urllib.request

import psutil
import pytest
from waybill_standalone.platform import Platform, PlatformError
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration

_OPENAPI_COUNT = re.compile(r"^http_server_request_duration_seconds_count\{.*/openapi\.json.*\} (\S+)$", re.M)


def _get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.status, answer.read()


def _family(pid):
    keeper = psutil.Process(pid)
    return [keeper, *keeper.children(recursive=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("platform")


def test_each_service_answers_with_metrics_of_its_own(folder):
    with Platform(folder) as platform:
        for name in ("auth", "orders", "notifier"):
            assert _get(platform.urls[name] + "/openapi.json")[0] == 200
            host, _, port = platform.urls[name].rpartition(":")
            internal = f"{host}:{int(port) + 1000}"
            assert _get(internal + "/readyz")[0] == 200
            (count,) = _OPENAPI_COUNT.findall(_get(internal + "/metrics")[1].decode())
            assert float(count) == 1, f"{name} counts what others served"
        assert b"Mail" in _get(platform.urls["mail"] + "/")[1]
        assert set(platform.accounts) == {"staff", "customer"}
        family = _family(platform.pid)
        assert {entry["role"] for entry in platform.processes()} == {"postgres", "gateway"}
        platform.stop()
        assert not any(member.is_running() for member in family)
        assert "Waybill is up" in platform.output()
        assert platform.accounts["staff"]["password"] in platform.output()


def test_after_a_kill_everything_ends_and_the_next_start_finds_all_data(folder):
    platform = Platform(folder).start()
    accounts, family = platform.accounts, _family(platform.pid)
    platform.kill()
    eventually(lambda: not any(member.is_running() for member in family))
    with Platform(folder) as again:
        assert again.accounts == accounts
        assert json.loads((folder / "accounts.json").read_text()) == accounts


def test_secrets_are_for_this_user_alone(folder):
    for name in ("secrets.json", "accounts.json", "environment.json"):
        assert (folder / name).stat().st_mode & 0o077 == 0


def test_a_taken_port_is_told_before_anything_starts(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PlatformError, match=rf"error: port {port} is in use.*WAYBILL_MAIL_WEB_PORT"):
            Platform(folder, env={"WAYBILL_MAIL_WEB_PORT": str(port)}).start()

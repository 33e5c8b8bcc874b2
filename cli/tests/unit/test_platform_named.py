"""Which platform the command looks at, and what it says when none is named."""

import json
from datetime import timedelta

import pytest
from click.testing import CliRunner
from waybill_cli.cli import main
from waybill_cli.config import load
from waybill_cli.facts.queue_faults import queue_faults
from waybill_cli.failures import UnreachableError
from waybill_cli.output import age
from waybill_cli.sources.queues import QueueState
from waybill_cli.sources.service_commands import run_service

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path):
    services = ("auth", "orders", "notifier")
    ready = {
        "mode": "processes",
        "urls": {name: f"http://127.0.0.1:1/{name}" for name in services},
        "databases": {name: f"postgresql://{name}" for name in services},
        "amqp_url": "amqp://broker",
        "accounts": {"staff": {"email": "staff@waybill.example", "password": "secret words"}},
    }
    (tmp_path / "ready.json").write_text(json.dumps(ready))
    (tmp_path / "environment.json").write_text(json.dumps({"WAYBILL_AUTH_PEPPERS": "k1:x"}))
    return tmp_path


def test_the_folder_of_make_up_counts_unless_the_environment_names_a_platform(folder):
    local = load(None, from_environment=False, environ={"WAYBILL_HOME": str(folder)})
    assert (local.urls["orders"], local.email) == ("http://127.0.0.1:1/orders", "staff@waybill.example")
    named = {"WAYBILL_HOME": str(folder), "WAYBILL_ORDERS_URL": "https://orders.example"}
    assert load(None, from_environment=False, environ=named).urls["orders"] == "https://orders.example"
    assert load(folder, from_environment=False, environ=named).urls["orders"] == "http://127.0.0.1:1/orders"


def test_a_local_platforms_commands_follow_its_settings_and_not_this_shells(folder):
    environ = {"PATH": "/bin", "WAYBILL_ORDERS_DATABASE_URL": "postgresql://elsewhere"}
    local = load(folder, from_environment=False, environ=environ)
    assert local.environment == {"PATH": "/bin", "WAYBILL_AUTH_PEPPERS": "k1:x"}


def test_a_secret_may_stand_in_a_file_and_is_never_shown(tmp_path):
    (tmp_path / "password").write_text("secret words\n")
    named = {"WAYBILL_CLI_PASSWORD_FILE": str(tmp_path / "password")}
    target = load(None, from_environment=True, environ=named)
    assert target.password == "secret words"
    assert "secret" not in repr(target)
    with pytest.raises(UnreachableError, match="WAYBILL_CLI_PASSWORD_FILE"):
        load(None, from_environment=True, environ={"WAYBILL_CLI_PASSWORD_FILE": str(tmp_path / "none")})


def test_a_services_command_runs_where_it_is_told_to(tmp_path):
    environ = {"WAYBILL_CLI_RUN_IN": "echo kubectl exec deploy/{service}-web --", "PATH": "/bin:/usr/bin"}
    target = load(None, from_environment=True, environ=environ)
    assert run_service(target, "auth", "keys", "rotate").stdout.split() == [
        *("kubectl", "exec", "deploy/auth-web", "--", "auth", "keys", "rotate")
    ]


def test_both_places_at_once_are_wrong_use(folder):
    assert CliRunner().invoke(main, ["--local", str(folder), "--environment", "queues"]).exit_code == 2


def test_completion_is_there_for_every_shell():
    for shell in ("bash", "zsh", "fish"):
        result = CliRunner().invoke(main, prog_name="waybill", env={"_WAYBILL_COMPLETE": f"{shell}_source"})
        assert "_WAYBILL_COMPLETE" in result.stdout


def test_queues_are_faulty_when_missing_or_unread_and_rungs_may_be_unread():
    states = [
        QueueState("notifier.events.v1", 3, 0),
        QueueState("notifier.events.v1.retry.5s", 3, 0),
        QueueState("orders.events.v1", None, None),
        QueueState("orders.events.v1.dlq", 9, 2),
        QueueState("waybill.unrouted", 1, 0),
    ]
    assert [fault.queue for fault in queue_faults(states)] == [
        *("notifier.events.v1", "orders.events.v1", "waybill.unrouted")
    ]


def test_a_span_of_time_is_said_in_the_unit_a_person_would_use():
    said = [age(seconds) for seconds in (0.021, 42, 600, 7_300, 400_000)]
    assert said == ["0.02 s", "42 s", "10 min", "2 h", "5 d"]
    assert (age(timedelta(seconds=3)), age(None)) == ("3.00 s", "")

"""The `auth` command on a real database, and the processes it starts."""

import base64
import threading

import pytest
from click.testing import CliRunner
from waybill_auth import cli, worker
from waybill_auth.wsgi import create
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def run(monkeypatch, fresh_database):
    """`run("migrate")` runs the command with complete settings on an empty database."""
    monkeypatch.setattr(cli, "configure_logging", lambda *_, **__: None)
    monkeypatch.setenv("WAYBILL_AUTH_DATABASE_URL", fresh_database())
    for name in ("PEPPERS", "KEY_ENCRYPTION_KEYS", "LINK_KEYS"):
        monkeypatch.setenv(f"WAYBILL_AUTH_{name}", f"k1:{base64.b64encode(name.encode()[:1] * 32).decode()}")

    def invoke(*arguments):
        return CliRunner().invoke(cli.main, arguments)

    return invoke


def test_migrate_makes_schema_clients_and_first_key_and_can_be_repeated(run):
    first, second = run("migrate"), run("migrate")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "schema 0001" in first.output
    assert "made signing key" in first.output
    assert "made signing key" not in second.output


def test_accounts_and_roles_by_command(run):
    run("migrate")
    made = run("users", "create-admin", "boss@example.com")
    assert "#token=mrq_" in made.output
    assert (
        run("users", "grant", "boss@example.com", "staff").output.strip() == "boss@example.com: customer, admin, staff"
    )
    for arguments in (
        ("users", "revoke", "boss@example.com", "admin"),
        ("users", "grant", "boss@example.com", "emperor"),
        ("users", "grant", "nobody@example.com", "staff"),
        ("users", "create-admin", "no address"),
        ("keys", "revoke", "unknown"),
        ("keys", "revoke", "-E-3Iq3GdN5V7tQlBPM3xk5wimhLGeCFgoB6e0gM9i0"),
    ):
        refused = run(*arguments)
        assert refused.exit_code == 1, arguments
        assert refused.stderr.startswith("error: "), arguments
    assert run("users", "disable", "boss@example.com").exit_code == 0
    assert run("users", "enable", "boss@example.com").exit_code == 0


def test_keys_by_command(run):
    run("migrate")
    created = run("keys", "rotate").output.split()
    assert created[0] == "created"
    assert "published already" in run("keys", "rotate").output
    assert "0 accounts" in run("keys", "revoke", created[1]).output


def test_check_config_names_every_fault_at_once_and_shows_no_secret(run, monkeypatch):
    assert run("check-config").exit_code == 0
    monkeypatch.setenv("WAYBILL_AUTH_PEPPERS", "k1:c2hvcnQ=")
    monkeypatch.setenv("WAYBILL_AUTH_LINK_KEYS", "k1:topsecret!!")
    monkeypatch.setenv("WAYBILL_AUTH_HASH_COST", "99")
    result = run("check-config")
    assert result.exit_code == 2
    for name in ("WAYBILL_AUTH_PEPPERS", "WAYBILL_AUTH_LINK_KEYS", "WAYBILL_AUTH_HASH_COST"):
        assert name in result.stderr
    assert "topsecret" not in result.stderr


def test_check_config_reads_the_declared_clients(run, monkeypatch):
    monkeypatch.setenv("WAYBILL_AUTH_CLIENTS", '[{"id": "orders"}]')
    result = run("check-config")
    assert (result.exit_code, "svc_" in result.stderr) == (2, True)


def test_the_worker_runs_both_recurring_jobs_and_stops(auth):
    stop = threading.Event()
    thread = threading.Thread(target=worker.run_worker, args=(auth.settings, stop))
    auth.sql("INSERT INTO throttle VALUES ('x', 1, now(), now(), now() - interval '3 days')")
    auth.sql("UPDATE signing_key SET activate_at = now() - interval '31 days'")
    thread.start()
    try:
        eventually(lambda: auth.sql("SELECT 1 FROM signing_key WHERE state = 'standby'"))
        eventually(lambda: not auth.sql("SELECT 1 FROM throttle"))
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()


def test_the_web_entry_answers_probes_on_the_internal_port_alone(auth):
    application = create(auth.settings)

    def get(path, port):
        from werkzeug.test import EnvironBuilder, run_wsgi_app

        environ = EnvironBuilder(path).get_environ() | {"SERVER_PORT": str(port)}
        body, status, _ = run_wsgi_app(application, environ)
        return status, b"".join(body)

    internal, web = auth.settings.internal_port, auth.settings.web_port
    assert get("/readyz", internal)[0].startswith("200")
    assert b"auth_logins_total" in get("/metrics", internal)[1]
    assert get("/readyz", web)[0].startswith("404")
    assert get("/.well-known/jwks.json", web)[0].startswith("200")
    assert get("/openapi.json", web)[0].startswith("200")

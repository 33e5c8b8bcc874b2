"""Shared by the notifier's tests: a notifier on a fresh database, a small real auth server, a scripted SMTP server."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "support"))


@pytest.fixture
def database_url(fresh_database):
    from waybill_common.database import migrate

    return fresh_database("waybill_notifier", lambda url: migrate(url, "waybill_notifier"))


@pytest.fixture
def auth():
    from notifier_support.auth_server import AuthServer

    with AuthServer() as server:
        yield server


@pytest.fixture
def catcher():
    from waybill_testkit.smtp import SmtpCatcher

    with SmtpCatcher() as server:
        yield server


@pytest.fixture
def notifier(database_url, auth, catcher):
    from notifier_support.notifier import Notifier

    with Notifier(database_url, auth, catcher) as running:
        yield running

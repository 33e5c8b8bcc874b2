"""A notifier whose worker does not run, and its web application."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from waybill_notifier.app import create_app
from waybill_notifier.bootstrap import web_dependencies
from waybill_testkit.callers import TokenIsTheCaller


@pytest.fixture
def idle(database_url: str, auth: Any, catcher: Any) -> Iterator[Any]:
    from notifier_support.notifier import Notifier

    with Notifier(database_url, auth, catcher, works=False) as notifier:
        yield notifier


@pytest.fixture
def app(idle: Any) -> Flask:
    dependencies = web_dependencies(idle.settings)
    return create_app(replace(dependencies, verifier=TokenIsTheCaller()))

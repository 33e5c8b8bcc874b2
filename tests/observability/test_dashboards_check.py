"""`make dashboards-check` itself: a query without an answer is named, and one for a cluster is not asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.observability.__main__ import Question, questions, unanswered
from tests.observability.watched import Watched

pytestmark = pytest.mark.contract


class FakeWatched:
    """A Prometheus that knows one series, and a second one only when asked again."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.watchers = SimpleNamespace(query=self._query)

    def _query(self, expression: str) -> list[Any]:
        self.asked.append(expression)
        return [1] if expression == "up" or (self.asked.count(expression) > 1 and expression == "late") else []

    @contextmanager
    def customers(self) -> Iterator[None]:
        yield

    def until(self, condition: Callable[[], bool], within_seconds: float) -> bool:
        return any(condition() for _ in range(3))


def test_a_query_that_never_gets_an_answer_is_left_over() -> None:
    asked = [Question("a: there", "up"), Question("b: late", "late"), Question("c: gone", "misspelt_total")]
    assert unanswered(cast("Watched", FakeWatched()), asked) == [Question("c: gone", "misspelt_total")]


def test_what_only_a_cluster_has_is_known_and_the_rest_is_asked() -> None:
    every = questions()
    elsewhere = {one.panel for one in every if one.is_for_a_cluster}
    assert "http-service: CPU" in elsewhere
    assert "overview: Requests" not in elsewhere
    assert len(elsewhere) < len(every) / 4

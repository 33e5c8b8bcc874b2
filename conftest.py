"""How the whole suite is spread over workers: what shares a platform or a module's servers stays together."""

from __future__ import annotations

import pytest

# The long ones go first, so that no worker ends the run alone with one of them.
_FIRST = ("tests/chaos/", "tests/e2e/", "libs/common/tests/broker/", "libs/common/tests/messaging_flow/")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests of one file; of the suites that start whole platforms, one platform at a time for each suite."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_rank)


def _group(item: pytest.Item) -> str:
    file = item.nodeid.partition("::")[0]
    return next((suite for suite in ("tests/chaos/", "tests/e2e/") if file.startswith(suite)), file)


def _rank(item: pytest.Item) -> int:
    places = [place for place, prefix in enumerate(_FIRST) if item.nodeid.startswith(prefix)]
    return places[0] if places else len(_FIRST)

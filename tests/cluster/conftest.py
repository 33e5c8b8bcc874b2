"""One installed platform for the whole run, in a namespace that is removed afterwards, and the people who use it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.chaos.accounts import make_customers
from tests.chaos.api import Account, Caller
from tests.chaos.history import History
from tests.chaos.shoppers import fill_shelves
from tests.cluster.deployment import Deployment
from tests.cluster.images import build_images
from tests.cluster.kube import Kube


@pytest.fixture(scope="session")
def deployment() -> Iterator[Deployment]:
    """The platform of this tree, ready; WAYBILL_KEEP_NAMESPACE=1 leaves it there to look at."""
    registry = os.environ["WAYBILL_REGISTRY"]  # noqa: TID251 - the runner's own switch
    deployment = Deployment(Kube(f"waybill-test-{secrets.token_hex(3)}"), build_images(registry))
    try:
        deployment.install()
        yield deployment
    finally:
        if not os.environ.get("WAYBILL_KEEP_NAMESPACE"):  # noqa: TID251
            deployment.remove()


@pytest.fixture(scope="session")
def history() -> History:
    """What all clients of the run asked for: the checker knows no order that is not in it."""
    return History()


@pytest.fixture(scope="session")
def staff(deployment: Deployment, history: History) -> Caller:
    """An administrator, signed in, with every product on the shelf."""
    caller = deployment.caller(deployment.staff)
    fill_shelves(caller, history)
    return caller


@pytest.fixture(scope="session")
def customers(deployment: Deployment, staff: Caller) -> list[Account]:
    """Customers with a verified address."""
    with deployment.mail_page() as mail:
        return make_customers({**deployment.urls, "mail": mail}, 4, "cluster")

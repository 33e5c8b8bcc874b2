"""Use cases against fakes: what is asked of the world, and in which order."""

from contextlib import contextmanager

import pytest
from waybill_common.idempotency import Answer, KeyInProgressError, KeyRequest
from waybill_orders.domain.errors import DomainError, PriceChangedError
from waybill_orders.domain.placement import Price, Quote, Wanted, Wish
from waybill_orders.use_cases.place_order import PlaceOrder, place_order
from waybill_orders.views.errors import ORDER_ERRORS
from waybill_orders.views.representation import placed_answer

from .build import NOW

pytestmark = pytest.mark.unit

KEY = KeyRequest("usr_ann POST /v1/orders", "k", b"f")
REMEMBERED = Answer(201, b"{}", "/v1/orders/ord_0", '"1"', replayed=True)


class FakeDesk:
    """Answers from a script; `outcomes` are what `place` returns or raises, in turn."""

    def __init__(self, *outcomes: bool | Exception, remembered: Answer | None = None, active: bool = True) -> None:
        self.outcomes = list(outcomes)
        self.remembered = remembered
        self.active = active
        self.asked: list[str] = []

    @contextmanager
    def open(self):
        yield self

    def quote(self, _channel: str, skus: list[str]) -> Quote:
        self.asked.append("quote")
        return Quote(NOW, "1", None, {sku: Price(sku, sku, 100, "EUR", self.active) for sku in skus})

    def place(self, *_placement: object) -> bool:
        self.asked.append("place")
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def replay(self, _request: KeyRequest) -> Answer | None:
        self.asked.append("replay")
        return self.remembered


def run(desk: FakeDesk) -> Answer:
    wish = Wish(order_id="ord_1", channel="web", customer_id="usr_ann", lines=[Wanted("A", 1)])
    return place_order(PlaceOrder(wish=wish, key=KEY, note=None, expiry_minutes=30), desk.open, placed_answer)


def test_an_order_takes_two_questions() -> None:
    desk = FakeDesk(True)
    answer = run(desk)
    assert (answer.status, answer.location, answer.etag) == (201, "/v1/orders/ord_1", '"1"')
    assert desk.asked == ["quote", "place"]


def test_a_known_key_is_answered_from_memory() -> None:
    desk = FakeDesk(False, remembered=REMEMBERED)
    assert run(desk) is REMEMBERED
    assert desk.asked == ["quote", "place", "replay"]


def test_a_refusal_looks_into_memory_first() -> None:
    assert run(FakeDesk(remembered=REMEMBERED, active=False)) is REMEMBERED
    with pytest.raises(DomainError):
        run(FakeDesk(active=False))


def test_a_key_that_vanished_is_asked_for_again_by_the_client() -> None:
    with pytest.raises(KeyInProgressError):
        run(FakeDesk(False))


def test_a_moving_price_is_read_again_three_times() -> None:
    desk = FakeDesk(PriceChangedError(), PriceChangedError(), True)
    assert run(desk).status == 201
    assert desk.asked == ["quote", "place"] * 3
    with pytest.raises(PriceChangedError):
        run(FakeDesk(PriceChangedError(), PriceChangedError(), PriceChangedError()))


def every_subclass(kind: type[Exception]) -> set[type[Exception]]:
    return {kind for sub in kind.__subclasses__() for kind in {sub, *every_subclass(sub)}}


def test_every_domain_error_is_in_the_table_with_a_code_of_its_own() -> None:
    known = every_subclass(DomainError)
    table = ORDER_ERRORS
    assert {kind for kind in known if not any(base in table for base in kind.__mro__)} == set()
    codes = [kind.code for kind in known]  # type: ignore[attr-defined]
    assert len(set(codes)) == len(codes)

"""Events on both sides: what orders writes keeps its contracts, and what it is sent by contract it can read."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from waybill_common.messaging import Handling
from waybill_common.messaging.events import parse_event
from waybill_orders.consumers.user_events import QUEUE, user_events
from waybill_orders.use_cases.settle_payments import Sweeper, settle_payments
from waybill_orders.views.payment_answers import JsonMoneyAnswers
from waybill_testkit.contracts import EventContracts, written_envelopes

from services.orders.tests.integration.service import STAFF, Service

pytestmark = [pytest.mark.contract, pytest.mark.integration]
CONTRACTS = EventContracts(Path(__file__).resolve().parents[4])
READ = {"auth.session.revoked", "auth.user.revoked"}
CUSTOMER = "usr_" + "a" * 32
SELLER = f"{STAFF} orders:ship orders:refund payments:write"
EXPIRE = "UPDATE orders SET expires_at = now() - interval '1 minute', payment_pending_until = NULL WHERE id = :id"


class Story:
    """A customer's orders, and what he, the staff, the gateway and time do with them."""

    def __init__(self, service: Service, gateway_url: str) -> None:
        self.service = service
        self.gateway_url = gateway_url

    def place(self, quantity: int = 1) -> str:
        return str(self.service.placed(("TEA", quantity), token=CUSTOMER)["id"])

    def post(self, order_id: str, path: str, who: str = CUSTOMER, **body: Any) -> dict[str, Any]:
        version = self.service.order(order_id, CUSTOMER)["version"]
        path, headers = f"/v1/orders/{order_id}/{path}", {"If-Match": f'"{version}"'}
        answer = self.service.call("POST", path, who, json=body, headers=headers)
        assert answer.status_code in {200, 201, 202, 402}, answer.text
        return dict(answer.json)

    def pay(self, order_id: str, token: str = "tok_approve", **terms: Any) -> str:
        return str(self.post(order_id, "payments", method={"type": "sandbox", "token": token}, **terms).get("id"))

    def refund(self, order_id: str) -> None:
        self.post(order_id, "refunds", SELLER, amount={"amount": 100, "currency": "EUR"}, reason="late")

    def expire(self, order_id: str) -> None:
        self.service.execute(EXPIRE, id=order_id)
        assert self.service.expire() == 1

    def buy_and_send(self) -> None:
        order_id = self.place(quantity=3)
        self.post(order_id, "notes", text="ring twice", public=True)
        self.post(order_id, "cancel", lines=[{"line": 1, "quantity": 1}])
        self.pay(order_id, "tok_decline")
        self.post(order_id, f"payments/{self.pay(order_id, capture=False)}/capture", SELLER)
        parcel = self.post(order_id, "fulfillments", SELLER, carrier="DHL", tracking_number="T1")
        self.post(order_id, f"fulfillments/{parcel['id']}/deliver", SELLER)
        self.refund(order_id)

    def call_it_off(self) -> None:
        order_id = self.place()
        self.post(order_id, f"payments/{self.pay(order_id, capture=False)}/void", SELLER)
        self.post(order_id, "cancel", reason="changed my mind")

    def pay_too_late(self) -> None:
        order_id = self.place()
        self.pay(order_id, "tok_async")
        self.expire(order_id)
        self.service.execute("UPDATE payments SET lease_until = now() WHERE operation IS NOT NULL")
        foundation = self.service.foundation
        settle_payments(Sweeper(foundation.unit_of_work, foundation.gateway(), JsonMoneyAnswers(), pytest.fail))

    def refund_what_was_given_back(self) -> None:
        order_id = self.place()
        self.pay(order_id)
        charge_id = requests.get(f"{self.gateway_url}/log", timeout=10).json()["data"][-1]["id"]
        headers = {"Idempotency-Key": "behind-our-back"}
        requests.post(f"{self.gateway_url}/charges/{charge_id}/refund", headers=headers, timeout=10).raise_for_status()
        self.refund(order_id)

    def sell_out(self) -> None:
        free = self.service.call("GET", "/v1/products/TEA").json["available"]
        self.expire(self.place(quantity=free))

    def play(self) -> None:
        self.service.product("TEA", stock=9)
        self.buy_and_send()
        self.call_it_off()
        self.pay_too_late()
        self.refund_what_was_given_back()
        self.sell_out()


def test_every_event_keeps_its_contract_and_every_contract_has_its_event(service, gateway_url):
    Story(service, gateway_url).play()
    schemas = CONTRACTS.schemas("orders")
    envelopes = written_envelopes(service.engine)
    assert {envelope["type"] for envelope in envelopes} == set(schemas)
    for envelope in envelopes:
        jsonschema.validate(envelope, CONTRACTS.envelope)
        jsonschema.validate(envelope["data"], schemas[envelope["type"]])


def test_every_example_of_the_queue_is_read_once_and_known_the_second_time(service):
    handle = user_events(service.foundation.unit_of_work)
    examples = CONTRACTS.examples_for(QUEUE)
    assert {example.type for example in examples} >= READ
    for example in examples:
        expected = (Handling.HANDLED, Handling.DUPLICATE) if example.type in READ else (Handling.IGNORED,) * 2
        event = parse_event(example.message)
        assert (handle(event), handle(event)) == expected, example.name

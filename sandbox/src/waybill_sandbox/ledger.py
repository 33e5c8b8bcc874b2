"""The gateway's operations: each keyed, each one transaction with its log line, its webhook and its stored reply."""

from collections.abc import Callable
from typing import Any

import orjson
import sqlalchemy as sa
from waybill_common.clock import rfc3339, utc_now
from waybill_common.ids import new_id

from waybill_sandbox import store
from waybill_sandbox.domain import (
    Behaviour,
    Charge,
    ChargeNotFoundError,
    ChargeRequest,
    Money,
    TemporarilyDownError,
    behaviour_of,
)
from waybill_sandbox.store import KeyedCall, Reply

_STATUS_CODES = {"pending": 202, "declined": 402}


class Ledger:
    """Takes, changes and tells charges. What it has answered it has committed; `on_change` is called after a commit."""

    def __init__(self, engine: sa.Engine, async_seconds: float, on_change: Callable[[], None]) -> None:
        self._engine = engine
        self._async_seconds = async_seconds
        self._on_change = on_change

    def charge(self, call: KeyedCall, request: ChargeRequest) -> Reply:
        """Charge as the token says and return 201, 202 or 402 with the charge.

        Raises UnknownTokenError, KeyReusedError, and TemporarilyDownError from a token that fails first.
        """
        behaviour = behaviour_of(request.token)
        self._fail_first(call, behaviour)

        def effect(connection: sa.Connection) -> Charge:
            charge = store.insert_charge(connection, _new_charge(request, behaviour, self._async_seconds))
            store.insert_entry(connection, charge.id, "charge", charge.amount_minor, call.key)
            return charge

        return self._keyed(call, effect, created=True)

    def capture(self, call: KeyedCall, charge_id: str, amount: Money | None) -> Reply:
        """Capture an authorized charge, in parts if wished; raises GatewayError when it cannot be."""
        return self._change(call, charge_id, "capture", lambda charge: charge.captured_by(amount))

    def void(self, call: KeyedCall, charge_id: str) -> Reply:
        """Release what was authorized and not captured; raises GatewayError when there is nothing."""
        return self._change(call, charge_id, "void", lambda charge: charge.voided())

    def refund(self, call: KeyedCall, charge_id: str, amount: Money | None) -> Reply:
        """Give captured money back, in parts if wished; raises GatewayError when more than that is asked."""
        return self._change(call, charge_id, "refund", lambda charge: charge.refunded_by(amount))

    def find(self, reference: str) -> list[dict[str, Any]]:
        """Return the charges under a reference, oldest first."""
        with self._engine.connect() as connection:
            return [charge_json(charge) for charge in store.find_charges(connection, reference)]

    def log(self) -> list[dict[str, Any]]:
        """Return every charge with its token and every operation on it."""
        with self._engine.connect() as connection:
            charges = store.all_charges(connection)
            entries: dict[str, list[dict[str, Any]]] = {charge.id: [] for charge in charges}
            for row in store.all_entries(connection):
                if row.charge_id in entries:  # a charge made between the two reads is in the next answer
                    entries[row.charge_id].append(_entry_json(row))
        return [charge_json(charge) | {"token": charge.token, "entries": entries[charge.id]} for charge in charges]

    def settle_one(self) -> bool:
        """Approve one asynchronous charge whose time has come; False when none is due."""
        with self._engine.begin() as connection:
            due = store.lock_due_to_settle(connection)
            if due is None:
                return False
            charge = store.save_charge(connection, due.settled())
            store.insert_entry(connection, charge.id, "settle", charge.amount_minor, None)
            _announce(connection, charge)
        return True

    def _fail_first(self, call: KeyedCall, behaviour: Behaviour) -> None:
        if behaviour.failures_before == 0:
            return
        with self._engine.begin() as connection:
            count = store.count_failure(connection, call.key)
        if count <= behaviour.failures_before:
            raise TemporarilyDownError(f"failure {count} of {behaviour.failures_before}; send the same key again")

    def _change(self, call: KeyedCall, charge_id: str, operation: str, change: Callable[[Charge], Charge]) -> Reply:
        def effect(connection: sa.Connection) -> Charge:
            before = store.lock_charge(connection, charge_id)
            if before is None:
                raise ChargeNotFoundError(f"no charge has the id {charge_id!r}")
            after = store.save_charge(connection, change(before))
            store.insert_entry(connection, charge_id, operation, _moved_minor(before, after), call.key)
            return after

        return self._keyed(call, effect, created=False)

    def _keyed(self, call: KeyedCall, effect: Callable[[sa.Connection], Charge], *, created: bool) -> Reply:
        with self._engine.begin() as connection:
            earlier = store.claim_key(connection, call)
            if earlier is not None:
                return earlier
            charge = effect(connection)
            status = _STATUS_CODES.get(charge.status, 201) if created else 200
            reply = Reply(status, orjson.dumps(charge_json(charge)))
            store.keep_reply(connection, call, reply)
            _announce(connection, charge)
        self._on_change()
        return reply


def charge_json(charge: Charge) -> dict[str, Any]:
    """Return a charge as callers see it; `released` is what was voided of it, `code` says why it was declined."""

    def money(minor: int) -> dict[str, Any]:
        return {"amount": minor, "currency": charge.currency}

    return {
        "id": charge.id,
        "reference": charge.reference,
        "status": charge.status,
        "amount": money(charge.amount_minor),
        "captured": money(charge.captured_minor),
        "refunded": money(charge.refunded_minor),
        "released": money(charge.released_minor),
        "capture": charge.capture,
        "code": charge.code,
        "created_at": rfc3339(charge.created_at),
        "updated_at": rfc3339(charge.updated_at),
    }


def _new_charge(request: ChargeRequest, behaviour: Behaviour, async_seconds: float) -> dict[str, Any]:
    if behaviour.decline_code is not None:
        status = "declined"
    elif behaviour.is_asynchronous:
        status = "pending"
    else:
        status = "captured" if request.capture else "authorized"
    return {
        "id": new_id("chg"),
        "reference": request.reference,
        "token": request.token,
        "currency": request.amount.currency,
        "capture": request.capture,
        "status": status,
        "amount_minor": request.amount.amount,
        "captured_minor": request.amount.amount if status == "captured" else 0,
        "code": behaviour.decline_code,
        "settle_seconds": async_seconds,
    }


def _announce(connection: sa.Connection, charge: Charge) -> None:
    body = {"type": f"charge.{charge.status}", "timestamp": rfc3339(utc_now()), "data": charge_json(charge)}
    store.insert_webhook(connection, new_id("msg"), charge, orjson.dumps(body).decode())


def _moved_minor(before: Charge, after: Charge) -> int:
    sums = ("captured_minor", "refunded_minor", "released_minor")
    return sum(int(getattr(after, name)) - int(getattr(before, name)) for name in sums)


def _entry_json(row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "operation": row.operation,
        "amount": row.amount_minor,
        "idempotency_key": row.idempotency_key,
        "occurred_at": rfc3339(row.occurred_at),
    }

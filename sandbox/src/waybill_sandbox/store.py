"""The sandbox's SQL: charges, their log, idempotency keys, webhooks."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from waybill_sandbox.domain import Charge, KeyReusedError

_COLUMNS = ", ".join(field.name for field in fields(Charge))

_INSERT_CHARGE = sa.text(f"""
    INSERT INTO charges (id, reference, token, currency, capture, status, amount_minor, captured_minor, code, settle_at)
    VALUES (:id, :reference, :token, :currency, :capture, :status, :amount_minor, :captured_minor, :code,
            CASE WHEN :status = 'pending' THEN now() + make_interval(secs => :settle_seconds) END)
    RETURNING {_COLUMNS}
""")  # noqa: S608 - column names of our own dataclass
_UPDATE_CHARGE = sa.text(f"""
    UPDATE charges SET status = :status, captured_minor = :captured_minor, refunded_minor = :refunded_minor,
           released_minor = :released_minor, updated_at = now()
    WHERE id = :id RETURNING {_COLUMNS}
""")  # noqa: S608
_LOCK_CHARGE = sa.text(f"SELECT {_COLUMNS} FROM charges WHERE id = :id FOR UPDATE")  # noqa: S608
_FIND_CHARGES = sa.text(f"SELECT {_COLUMNS} FROM charges WHERE reference = :reference ORDER BY id")  # noqa: S608
_ALL_CHARGES = sa.text(f"SELECT {_COLUMNS} FROM charges ORDER BY id")  # noqa: S608
_ALL_ENTRIES = sa.text("""
    SELECT charge_id, operation, amount_minor, idempotency_key, occurred_at FROM charge_entries ORDER BY position
""")
_DUE_TO_SETTLE = sa.text(f"""
    SELECT {_COLUMNS} FROM charges WHERE status = 'pending' AND settle_at <= now()
    ORDER BY settle_at LIMIT 1 FOR UPDATE SKIP LOCKED
""")  # noqa: S608
_INSERT_ENTRY = sa.text("""
    INSERT INTO charge_entries (charge_id, operation, amount_minor, idempotency_key)
    VALUES (:charge_id, :operation, :amount_minor, :key)
""")
_CLAIM_KEY = sa.text("""
    INSERT INTO idempotency_keys (key, fingerprint) VALUES (:key, :fingerprint) ON CONFLICT DO NOTHING RETURNING key
""")
_READ_KEY = sa.text("SELECT fingerprint, status, body FROM idempotency_keys WHERE key = :key")
_KEEP_REPLY = sa.text("UPDATE idempotency_keys SET status = :status, body = :body WHERE key = :key")
_COUNT_FAILURE = sa.text("""
    INSERT INTO failures (key, count) VALUES (:key, 1)
    ON CONFLICT (key) DO UPDATE SET count = failures.count + 1 RETURNING count
""")
_INSERT_WEBHOOK = sa.text("INSERT INTO webhooks (id, charge_id, type, body) VALUES (:id, :charge_id, :type, :body)")
_DUE_WEBHOOK = sa.text("""
    SELECT id, body, attempts FROM webhooks WHERE delivered_at IS NULL AND next_at <= now()
    ORDER BY next_at, position LIMIT 1
""")
_WEBHOOK_DELIVERED = sa.text("UPDATE webhooks SET delivered_at = now(), attempts = attempts + 1 WHERE id = :id")
_WEBHOOK_FAILED = sa.text("""
    UPDATE webhooks SET attempts = attempts + 1, last_error = :error, next_at = now() + make_interval(secs => :seconds)
    WHERE id = :id
""")
_SECONDS_UNTIL_DUE = sa.text("""
    SELECT extract(epoch FROM least(
        (SELECT min(settle_at) FROM charges WHERE status = 'pending'),
        (SELECT min(next_at) FROM webhooks WHERE delivered_at IS NULL AND :sends)) - now())
""")


@dataclass(frozen=True)
class KeyedCall:
    """One keyed request: the caller's `Idempotency-Key` and the SHA-256 of what it asks for."""

    key: str
    fingerprint: bytes


@dataclass(frozen=True)
class Reply:
    """A status and the JSON body's bytes, kept under the key and sent again as they are."""

    status: int
    body: bytes


@dataclass(frozen=True)
class WaitingWebhook:
    """A signed message still to be delivered; the id stays the same in every attempt."""

    id: str
    body: str
    attempts: int


def claim_key(connection: sa.Connection, call: KeyedCall) -> Reply | None:
    """Return None when the key is new and now ours, else the reply first sent; a twin in flight is waited for.

    Raises KeyReusedError when the key came with another request.
    """
    if connection.execute(_CLAIM_KEY, {"key": call.key, "fingerprint": call.fingerprint}).first() is not None:
        return None
    row = connection.execute(_READ_KEY, {"key": call.key}).one()
    if bytes(row.fingerprint) != call.fingerprint:
        raise KeyReusedError(f"Idempotency-Key {call.key!r} was used with another request; use a new key")
    return Reply(row.status, bytes(row.body))


def keep_reply(connection: sa.Connection, call: KeyedCall, reply: Reply) -> None:
    """Store what is answered, in the transaction of its effect."""
    connection.execute(_KEEP_REPLY, {"key": call.key, "status": reply.status, "body": reply.body})


def count_failure(connection: sa.Connection, key: str) -> int:
    """Count one more staged failure of this key and return how many there were, this one included."""
    return int(connection.execute(_COUNT_FAILURE, {"key": key}).scalar_one())


def insert_charge(connection: sa.Connection, values: dict[str, Any]) -> Charge:
    """Write a new charge; a pending one is due to settle after `settle_seconds`."""
    return _charge(connection.execute(_INSERT_CHARGE, values).one())


def save_charge(connection: sa.Connection, charge: Charge) -> Charge:
    """Write status and sums of a charge that this transaction has locked."""
    values = {
        name: getattr(charge, name) for name in ("id", "status", "captured_minor", "refunded_minor", "released_minor")
    }
    return _charge(connection.execute(_UPDATE_CHARGE, values).one())


def lock_charge(connection: sa.Connection, charge_id: str) -> Charge | None:
    """Return the charge, locked until the transaction ends, or None."""
    row = connection.execute(_LOCK_CHARGE, {"id": charge_id}).first()
    return None if row is None else _charge(row)


def lock_due_to_settle(connection: sa.Connection) -> Charge | None:
    """Return one pending charge whose time has come, locked, or None."""
    row = connection.execute(_DUE_TO_SETTLE).first()
    return None if row is None else _charge(row)


def find_charges(connection: sa.Connection, reference: str) -> list[Charge]:
    """Return the charges under a caller's reference, oldest first."""
    return [_charge(row) for row in connection.execute(_FIND_CHARGES, {"reference": reference})]


def all_charges(connection: sa.Connection) -> list[Charge]:
    """Return every charge there ever was, oldest first."""
    return [_charge(row) for row in connection.execute(_ALL_CHARGES)]


def all_entries(connection: sa.Connection) -> Sequence[sa.Row[Any]]:
    """Return every line of the charge log: charge_id, operation, amount_minor, idempotency_key, occurred_at."""
    return connection.execute(_ALL_ENTRIES).all()


def insert_entry(connection: sa.Connection, charge_id: str, operation: str, amount_minor: int, key: str | None) -> None:
    """Append one line to the charge log."""
    values = {"charge_id": charge_id, "operation": operation, "amount_minor": amount_minor, "key": key}
    connection.execute(_INSERT_ENTRY, values)


def insert_webhook(connection: sa.Connection, webhook_id: str, charge: Charge, body: str) -> None:
    """Queue a webhook about the charge, in the transaction that changed it."""
    values = {"id": webhook_id, "charge_id": charge.id, "type": f"charge.{charge.status}", "body": body}
    connection.execute(_INSERT_WEBHOOK, values)


def due_webhook(connection: sa.Connection) -> WaitingWebhook | None:
    """Return the webhook whose attempt is due longest, or None."""
    row = connection.execute(_DUE_WEBHOOK).first()
    return None if row is None else WaitingWebhook(row.id, row.body, row.attempts)


def webhook_delivered(connection: sa.Connection, webhook_id: str) -> None:
    """Note that the receiver answered 2xx."""
    connection.execute(_WEBHOOK_DELIVERED, {"id": webhook_id})


def webhook_failed(connection: sa.Connection, webhook_id: str, error: str, retry_in_seconds: float) -> None:
    """Note a failed attempt and when the next is due."""
    connection.execute(_WEBHOOK_FAILED, {"id": webhook_id, "error": error[:500], "seconds": retry_in_seconds})


def seconds_until_due(connection: sa.Connection, *, sends: bool) -> float | None:
    """Return in how many seconds something is due (negative: overdue), None when nothing waits."""
    seconds = connection.execute(_SECONDS_UNTIL_DUE, {"sends": sends}).scalar()
    return None if seconds is None else float(seconds)


def _charge(row: sa.Row[Any]) -> Charge:
    return Charge(**row._mapping)  # noqa: SLF001 - SQLAlchemy's documented accessor

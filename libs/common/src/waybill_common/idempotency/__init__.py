"""Idempotency keys in PostgreSQL, in the transaction of the effect they guard."""

from waybill_common.idempotency.keys import (
    Answer,
    KeyInProgressError,
    KeyRequest,
    KeyReusedError,
    fingerprint,
    parse_key,
)
from waybill_common.idempotency.schema import IDEMPOTENCY_V1
from waybill_common.idempotency.store import KeyStore, remove_old_keys

__all__ = [
    "IDEMPOTENCY_V1",
    "Answer",
    "KeyInProgressError",
    "KeyRequest",
    "KeyReusedError",
    "KeyStore",
    "fingerprint",
    "parse_key",
    "remove_old_keys",
]

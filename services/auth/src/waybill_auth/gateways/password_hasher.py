"""Passwords at rest: `h1$<pepper id>$` and bcrypt of a keyed hash, with equal work for every sign-in."""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import bcrypt

from waybill_auth.domain.passwords import PasswordCheck, is_too_long, normalise
from waybill_auth.gateways.hash_gate import HashGate
from waybill_auth.gateways.secret_ring import SecretRing

_BCRYPT = re.compile(r"^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$")
_PEPPERED = re.compile(r"^h1\$([A-Za-z0-9_-]{1,32})\$(\$2b\$.{56})$", re.DOTALL)
_PLAIN_MAX_BYTES = 72  # what bcrypt reads; versions below 5 cut silently, so old hashes are of the first 72 bytes


class HasherMetrics(Protocol):
    """What the hasher reports."""

    def hash_took(self, scheme: str, seconds: float) -> None:
        """One password was worked on."""

    def stored_hash_unreadable(self) -> None:
        """A stored hash has no form we know."""


@dataclass(frozen=True)
class _Stored:
    """A stored hash taken apart: the bytes that bcrypt gets, the bcrypt string, its cost, and whether it is today's."""

    secret: bytes
    encoded: bytes
    cost: int
    is_current_scheme: bool


class BcryptHasher:
    """bcrypt(base64(HMAC-SHA-384(pepper, NFC(password)))): always 64 bytes, never NUL, never cut (OWASP)."""

    def __init__(self, peppers: SecretRing, cost: int, gate: HashGate, metrics: HasherMetrics) -> None:
        self._peppers = peppers
        self._cost = cost
        self._gate = gate
        self._metrics = metrics
        self._dummy_salts = {rounds: bcrypt.gensalt(rounds) for rounds in range(4, cost + 1)}

    def hash(self, password: str) -> str:
        """Return the stored form at the current cost and pepper; raises HashBusyError when no slot comes free."""
        pepper_id = self._peppers.current_id
        secret = _keyed(self._peppers.current, password)
        encoded = self._timed("h1", lambda: bcrypt_once(secret, bcrypt.gensalt(self._cost)))
        return f"h1${pepper_id}${encoded.decode()}"

    def check(self, password: str, stored: str | None) -> PasswordCheck:
        """Compare a password with what is stored, None where there is nothing to compare with.

        Does the work of exactly one hash at the current cost on every path, so that the time says nothing about the
        account: without a usable hash a dummy is computed, and a cheaper one is topped up with the difference. Raises
        HashBusyError.
        """
        known = self._take_apart(password, stored) if stored is not None else None
        if known is None:
            secret = _keyed(self._peppers.current, password)
            self._timed("dummy", lambda: bcrypt_once(secret, self._dummy_salts[self._cost]))
            return PasswordCheck(matches=False, needs_rehash=False)
        computed = self._timed("h1" if known.is_current_scheme else "plain", lambda: self._compute(known))
        equal = hmac.compare_digest(computed, known.encoded)
        needs_rehash = not known.is_current_scheme or known.cost != self._cost
        return PasswordCheck(matches=equal and not is_too_long(password), needs_rehash=equal and needs_rehash)

    def _compute(self, known: _Stored) -> bytes:
        computed = bcrypt_once(known.secret, known.encoded)
        # 2^c + (2^c + 2^(c+1) + … + 2^(current-1)) = 2^current: together one hash at the current cost.
        for rounds in range(known.cost, self._cost):
            bcrypt_once(known.secret, self._dummy_salts[rounds])
        return computed

    def _take_apart(self, password: str, stored: str) -> _Stored | None:
        peppered = _PEPPERED.match(stored)
        encoded = peppered[2] if peppered else stored
        form = _BCRYPT.match(encoded)
        pepper = self._peppers.get(peppered[1]) if peppered else None
        if form is None or not 4 <= int(form[1]) <= 31 or (peppered and pepper is None):
            self._metrics.stored_hash_unreadable()
            return None
        secret = normalise(password).encode()[:_PLAIN_MAX_BYTES] if pepper is None else _keyed(pepper, password)
        is_current = peppered is not None and peppered[1] == self._peppers.current_id
        return _Stored(secret, encoded.encode(), int(form[1]), is_current)

    def _timed(self, scheme: str, work: Callable[[], bytes]) -> bytes:
        def measured() -> bytes:
            started = time.perf_counter()
            result = work()
            self._metrics.hash_took(scheme, time.perf_counter() - started)
            return result

        return self._gate.run(measured)


def bcrypt_once(secret: bytes, salt: bytes) -> bytes:
    """Return one bcrypt hash; every hash of the service passes here, so that tests can count them.

    A salt whose last character has stray bits is refused by the library; then nothing may match it, and the work is
    done with a random one.
    """
    try:
        return bcrypt.hashpw(secret, salt)
    except ValueError:
        return bcrypt.hashpw(secret, bcrypt.gensalt(int(salt[4:6]))) + secrets.token_bytes(1)


def _keyed(pepper: bytes, password: str) -> bytes:
    return base64.b64encode(hmac.digest(pepper, normalise(password).encode(), hashlib.sha384))

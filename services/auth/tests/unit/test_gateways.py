"""Hashing, slots, sealing, MACs and signing without a server."""

import os
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from sqlalchemy.exc import OperationalError
from waybill_auth.domain.errors import HashBusyError, InvalidAddressError, NoSigningKeyError
from waybill_auth.domain.mail_requests import MailRequest, Purpose
from waybill_auth.domain.signing_keys import KeyState
from waybill_auth.gateways import password_hasher
from waybill_auth.gateways.address_reader import EmailAddressReader
from waybill_auth.gateways.common_passwords import load_common_passwords
from waybill_auth.gateways.hash_gate import GateOptions, HashGate, usable_cpus
from waybill_auth.gateways.link_keys import MacLinkKeys
from waybill_auth.gateways.password_hasher import BcryptHasher
from waybill_auth.gateways.secret_ring import Sealer, SecretRing, UnsealError
from waybill_auth.gateways.signing import JwtSigner, KeyForge, RingCache, thumbprint

NOW = datetime(2026, 1, 2, tzinfo=UTC)
pytestmark = pytest.mark.unit
SILENT = SimpleNamespace(
    hash_waited=lambda _: None,
    hash_refused=lambda: None,
    hash_inflight=lambda _: None,
    hash_took=lambda *_: None,
    stored_hash_unreadable=lambda: None,
)


def gate(slots=1, max_waiting=1, wait_seconds=0.5):
    return HashGate(GateOptions(slots, max_waiting, wait_seconds), SILENT, time.monotonic)


def hasher(*peppers, cost=4):
    ring = SecretRing([(name, name.encode() * 16) for name in peppers or ("p1",)])
    return BcryptHasher(ring, cost, gate(), SILENT)


def test_passwords_are_never_cut_and_equal_only_themselves():
    bcrypt = hasher()
    stored = bcrypt.hash("x" * 200)
    assert stored.startswith("h1$p1$$2b$04$")
    assert bcrypt.check("x" * 200, stored).matches
    assert not bcrypt.check("x" * 199 + "y", stored).matches
    assert not bcrypt.check("x" * 72, stored).matches


def test_canonically_equal_passwords_are_one():
    bcrypt = hasher()
    assert bcrypt.check("caf\u00e9" * 5, bcrypt.hash("cafe\u0301" * 5)).matches
    assert not bcrypt.check("\uff4b" * 15, bcrypt.hash("k" * 15)).matches


def test_a_new_pepper_asks_for_a_rehash_and_a_lost_one_matches_nothing():
    stored = hasher("p1").hash("nine purple kettles")
    checked = hasher("p2", "p1").check("nine purple kettles", stored)
    assert (checked.matches, checked.needs_rehash) == (True, True)
    assert not hasher("p2").check("nine purple kettles", stored).matches


def test_every_check_does_the_work_of_one_hash(monkeypatch):
    costs = []
    once = password_hasher.bcrypt_once
    monkeypatch.setattr(
        password_hasher, "bcrypt_once", lambda secret, salt: costs.append(int(salt[4:6])) or once(secret, salt)
    )
    cheap = hasher(cost=4).hash("nine purple kettles")
    for stored in (None, "", "junk", cheap, hasher(cost=7).hash("nine purple kettles")):
        costs.clear()
        hasher(cost=7).check("another", stored)
        assert sum(2**cost for cost in costs) == 2**7, stored


def test_the_gate_refuses_at_once_when_enough_are_waiting_and_after_its_wait():
    slots = gate(slots=1, max_waiting=1, wait_seconds=0.05)
    busy, release = threading.Event(), threading.Event()

    def hold():
        busy.set()
        release.wait(30)

    holder = threading.Thread(target=slots.run, args=(hold,))
    holder.start()
    busy.wait(30)
    try:
        with pytest.raises(HashBusyError):
            slots.run(lambda: None)  # waited its time
        slots._waiting = 1
        with pytest.raises(HashBusyError):
            slots.run(lambda: None)  # refused at once
    finally:
        release.set()
        holder.join(30)
    slots._waiting = 0
    assert slots.run(lambda: 7) == 7
    slots.close()


def test_a_failing_hash_gives_its_slot_back():
    slots = gate()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            slots.run(lambda: 1 // 0)
    assert slots.run(lambda: "free") == "free"


def test_hashes_run_at_a_lower_priority_and_nothing_else_does():
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    inside = gate().run(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
    assert inside >= 10
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_there_is_at_least_one_cpu():
    assert 1 <= usable_cpus() <= (os.cpu_count() or 1)


def test_what_is_sealed_opens_under_an_old_key_and_nowhere_else():
    old = Sealer(SecretRing([("k1", b"a" * 32)]))
    both = Sealer(SecretRing([("k2", b"b" * 32), ("k1", b"a" * 32)]))
    sealed = old.seal(b"secret", "row 1")
    assert both.open(sealed, "row 1") == b"secret"
    assert (old.is_current(sealed), both.is_current(sealed)) == (True, False)
    for value, context in ((sealed, "row 2"), (sealed[:-1] + b"x", "row 1"), (b"k9." + sealed[3:], "row 1"), (b"", "")):
        with pytest.raises(UnsealError):
            both.open(value, context)


def request(**changes):
    values = {
        "id": "mrq_" + "0" * 32, "user_id": "usr_1", "address_key": b"a", "purpose": Purpose.RESET,
        "key_version": "k1", "created_at": NOW, "expires_at": NOW,
    }  # fmt: skip
    return MailRequest(**{**values, **changes})


def test_a_links_token_is_bound_to_id_user_address_and_purpose():
    links = MacLinkKeys(SecretRing([("k1", b"a" * 32)]))
    token = links.token(request())
    assert token == links.token(request())
    assert links.request_id_of(token) == request().id
    assert links.is_genuine(token, request())
    for changes in (
        {"user_id": "usr_2"},
        {"address_key": b"b"},
        {"purpose": Purpose.VERIFY},
        {"id": "mrq_" + "1" * 32},
    ):
        assert not links.is_genuine(token, request(**changes)), changes
    for text in ("", "x", token[:-1], token + "A", token.replace(".", "_"), "ä" + token[1:]):
        assert links.request_id_of(text) is None, text


def test_a_link_key_that_left_the_ring_makes_its_tokens_void():
    token = MacLinkKeys(SecretRing([("k1", b"a" * 32)])).token(request())
    later = MacLinkKeys(SecretRing([("k2", b"b" * 32)]))
    assert not later.is_genuine(token, request())
    assert later.address_key("k1", "kim@example.com") == b""


def test_buckets_tell_nothing_and_kinds_do_not_meet():
    links = MacLinkKeys(SecretRing([("k1", b"a" * 32)]))
    assert links.bucket("login", "kim@example.com") != links.bucket("mail", "kim@example.com")
    assert b"kim" not in links.bucket("login", "kim@example.com")


def test_the_thumbprint_is_that_of_rfc_7638():
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
        "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
        "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
        "kEgU8awapJzKnqDKgw"
    )
    jwk = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_a_ring_signs_with_its_active_key_and_publishes_no_private_member(alg):
    forge = KeyForge(SecretRing([("k1", b"a" * 32)]))
    active = forge.make(alg, KeyState.ACTIVE, NOW, NOW)
    ring = RingCache(lambda: [active], forge, alg)
    token = JwtSigner(ring, "https://auth.example").sign({"sub": "usr_1"})
    assert token.count(".") == 2
    (published,) = ring.jwks()["keys"]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & set(published)


def test_a_ring_without_an_active_key_signs_nothing():
    forge = KeyForge(SecretRing([("k1", b"a" * 32)]))
    standby = forge.make("ES256", KeyState.STANDBY, NOW, NOW)
    with pytest.raises(NoSigningKeyError):
        JwtSigner(RingCache(lambda: [standby], forge, "ES256"), "https://auth.example").sign({})


def test_a_ring_stays_as_it_was_while_the_database_is_away_and_an_unread_one_says_so():
    forge = KeyForge(SecretRing([("k1", b"a" * 32)]))
    answers = [[forge.make("ES256", KeyState.ACTIVE, NOW, NOW)]]

    def read():
        if not answers:
            raise OperationalError("SELECT", {}, Exception("away"))
        return answers.pop()

    ring = RingCache(read, forge, "ES256", refresh_seconds=0)
    kid = ring.active()[0]
    assert (ring.active()[0], len(ring.published())) == (kid, 1)
    with pytest.raises(OperationalError):
        RingCache(read, forge, "ES256").published()


def test_the_list_of_common_passwords_holds_thousands_that_are_long_enough():
    is_common = load_common_passwords()
    for password in ("password123", "qwertyuiopasdfghjkl", "123456789123456789", "correcthorsebatterystaple"):
        assert is_common(password), password
    assert not is_common("nine purple kettles sing")


def test_addresses_at_the_edges():
    reader = EmailAddressReader()
    assert reader.read("Kim.Lee+shop@Example.com").key == "kim.lee+shop@example.com"
    assert reader.read("kim@bücher.example").key == "kim@xn--bcher-kva.example"
    for text in (
        "",
        "@",
        "a@",
        "@b.example",
        "a@b",
        "a@b.example\r\n",
        "a\x00@b.example",
        "a@[127.0.0.1]",
        "a@b .example",
    ):
        with pytest.raises(InvalidAddressError):
            reader.read(text)

"""The gate of Project Wycheproof: every signature and key vector, with each difference named and argued.

The vectors are plain JWS, not access tokens: their valid ones lack our `typ`. So they are judged twice. The parts that
Wycheproof is about (form, key set, signature) must accept what is valid and refuse what is not; the whole verifier
must refuse all of it.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from waybill_common.tokens import InvalidTokenError, KeysUnavailableError, StaticKeys, Verifier, VerifierSettings
from waybill_common.tokens.compact import read_compact
from waybill_common.tokens.keys import load_keys

pytestmark = pytest.mark.unit
VECTORS = Path(__file__).parent.parent / "vectors" / "wycheproof"
FILES = ("json_web_signature_test.json", "json_web_key_test.json", "json_web_crypto_test.json")

# Valid by the vectors, refused by us. A difference is a rule: which vectors it meets, and why it is ours.
OTHER_ALGORITHMS = "only ES256 and RS256: HMAC lets every verifier sign, the others nobody issues here"
KID_FORM = "kids are RFC 7638 thumbprints; one with other characters is not ours"
# The curve is named P-521 and the algorithm ES512; the vectors' keys say ES521, which no standard knows.
MISSPELT = "the key says ES521, which does not exist"


@dataclass(frozen=True)
class Vector:
    """One test of a group: the token, the key set it is to be checked with, and the vectors' verdict."""

    name: str
    token: str
    jwks: dict[str, Any]
    is_valid: bool


def read(file: str) -> Iterator[Vector]:
    for group in json.loads((VECTORS / file).read_text())["testGroups"]:
        keys = group.get("public", group["private"])
        jwks = keys if "keys" in keys else {"keys": [keys]}
        for test in group["tests"]:
            if "jws" in test:
                name = f"{file.split('_')[2]}-{test['tcId']}-{test['comment']}"
                yield Vector(name, flat(test["jws"]), jwks, test["result"] == "valid")


def flat(jws: Any) -> str:
    """The token as text; the JSON serialization is no compact token, and stays what it is."""
    return jws if isinstance(jws, str) else json.dumps(jws)


ALL = [vector for file in FILES for vector in read(file)]


def difference(vector: Vector) -> str | None:
    """Why we refuse this valid vector, None when we must accept it."""
    # Leniently: two of the vectors have a `?` inside, valid to them because the MAC covers it.
    header = json.loads(urlsafe_b64decode(vector.token.partition(".")[0] + "=="))
    if header["alg"] not in {"ES256", "RS256"}:
        return MISSPELT if header["alg"] == "ES512" else OTHER_ALGORITHMS
    return KID_FORM if "@" in header["kid"] else None


def verify_signature(token: str, jwks: dict[str, Any]) -> bytes:
    """The verifier's own parts without the rules of access tokens: form, key set, key and algorithm, signature."""
    compact = read_compact(token)
    key = load_keys(jwks).get(compact.header.get("kid"))
    if key is None or compact.header.get("alg") != key.algorithm:
        raise InvalidTokenError("no key for it")
    try:
        return jwt.PyJWS().decode(token, key.public_key, algorithms=[key.algorithm])
    except jwt.PyJWTError as error:
        raise InvalidTokenError("signature") from error


def test_all_vectors_are_here():
    counts = [json.loads((VECTORS / file).read_text())["numberOfTests"] for file in FILES]
    assert counts == [401, 26, 83]
    assert len(ALL) == 401 + 26 + 49  # of the crypto file, 34 are encryption
    assert len({vector.name for vector in ALL}) == len(ALL)


@pytest.mark.parametrize("vector", [v for v in ALL if not v.is_valid], ids=lambda vector: vector.name)
def test_an_invalid_vector_is_refused(vector):
    with pytest.raises(InvalidTokenError):
        verify_signature(vector.token, vector.jwks)


@pytest.mark.parametrize("vector", [v for v in ALL if v.is_valid], ids=lambda vector: vector.name)
def test_a_valid_vector_is_accepted_or_its_difference_is_named(vector):
    if difference(vector) is None:
        assert isinstance(verify_signature(vector.token, vector.jwks), bytes)
        return
    with pytest.raises(InvalidTokenError):
        verify_signature(vector.token, vector.jwks)


def test_the_differences_are_these_and_no_more():
    valid = [vector for vector in ALL if vector.is_valid]
    named = [reason for vector in valid if (reason := difference(vector))]
    assert {reason: named.count(reason) for reason in set(named)} == {OTHER_ALGORITHMS: 40, KID_FORM: 2, MISSPELT: 2}
    assert len(valid) - len(named) == 11


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)
def test_the_whole_verifier_takes_none_of_them(vector):
    try:
        keys = StaticKeys(vector.jwks)
    except ValueError:
        return  # no key of the set may be used at all
    with pytest.raises((InvalidTokenError, KeysUnavailableError)):
        Verifier(VerifierSettings("https://auth.example", "orders"), keys).verify(vector.token)

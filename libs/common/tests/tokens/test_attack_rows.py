"""Rows 1 to 16 of the attack list (auth.md, section 3): hand-made tokens, each refused as an invalid token."""

import hashlib
import hmac
import json
import random

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from waybill_common.tokens import InvalidTokenError, JwksKeys, StaticKeys, Verifier, VerifierSettings

NOW = 1_800_000_000
ISSUER = "https://auth.example"
LEEWAY = 5


def refused(verifier: Verifier, token: str) -> str:
    """Return why the token was refused; fails when it was not."""
    with pytest.raises(InvalidTokenError) as caught:
        verifier.verify(token)
    return caught.value.reason


@pytest.mark.unit
def test_row_0_the_good_token_of_this_file_is_accepted(issuer, verifier):
    # The negative control of every test below: what they change is all that is wrong.
    caller = verifier.verify(issuer.token())
    assert (caller.subject, caller.kind, caller.session_id) == ("usr_01", "person", "ses_01")
    assert caller.scopes == {"orders:ship", "orders:refund"}
    assert (caller.roles, caller.amr, caller.auth_time, caller.issued_at) == (("staff",), ("pwd",), NOW, NOW)
    assert verifier.verify(issuer.token(issuer.header(alg="RS256", kid="rsa"))).subject == "usr_01"


@pytest.mark.unit
@pytest.mark.parametrize("algorithm", ["none", "nOnE", "None", "NONE", "", None, ["ES256"], 1])
def test_row_1_no_algorithm(issuer, verifier, algorithm):
    signed = issuer.token(issuer.header(alg=algorithm))
    refused(verifier, signed)
    refused(verifier, signed.rpartition(".")[0] + ".")
    refused(verifier, signed.rpartition(".")[0])


@pytest.mark.unit
def test_row_1_empty_signature(issuer, verifier):
    refused(verifier, issuer.token().rpartition(".")[0] + ".")


@pytest.mark.unit
@pytest.mark.parametrize("form", ["pem", "der", "jwk"])
@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_row_2_public_key_as_hmac_secret(issuer, verifier, b64, form, algorithm, kind):
    public = getattr(issuer, kind).public_key()
    jwk = next(key for key in issuer.jwks()["keys"] if key["kid"] == kind)
    secret = {
        "pem": lambda: public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": lambda: public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": lambda: json.dumps(jwk).encode(),
    }[form]()
    header = issuer.header(alg=algorithm, kid=kind)
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(issuer.claims()).encode())}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
    mac = hmac.new(secret, signing_input.encode(), digest).digest()
    assert refused(verifier, f"{signing_input}.{b64(mac)}") == "algorithm"


@pytest.mark.unit
@pytest.mark.parametrize(
    "kid",
    ["../../dev/null", "' OR 1=1--", "k" * 65, "k" * 3000, 7, None, ["ec"], {"a": 1}, "", "ec\n", "ec ", "ëc", "gone"],
)
def test_row_3_kid_injection(issuer, verifier, kid):
    assert refused(verifier, issuer.token(issuer.header(kid=kid))) in {"bad_kid", "unknown_kid", "too_long"}


@pytest.mark.unit
def test_row_3_missing_kid(issuer, verifier):
    refused(verifier, issuer.token(issuer.header(kid=...)))


@pytest.mark.integration
def test_row_3_a_thousand_random_kids_cost_one_fetch(issuer, now, peer, connect):
    peer.default = lambda talk: talk.answer(200, json.dumps(issuer.jwks()).encode())
    keys = JwksKeys(connect(), "/jwks.json")
    verifier = Verifier(VerifierSettings(ISSUER, "orders"), keys)
    dice = random.Random(3)
    for _ in range(1_000):
        refused(verifier, issuer.token(issuer.header(kid=f"{dice.getrandbits(64):016x}")))
    assert verifier.verify(issuer.token()).subject == "usr_01"
    assert len(peer.requests) == 1


@pytest.mark.integration
@pytest.mark.parametrize("member", ["jku", "x5u", "jwk", "x5c"])
def test_row_4_keys_brought_along_are_not_looked_at(issuer, other_issuer, now, peer, connect, member):
    jwk = other_issuer.jwks()["keys"][0]
    brought = {"jku": f"{peer.url}/jwks", "x5u": f"{peer.url}/cert", "jwk": jwk, "x5c": ["MIIB"]}[member]
    peer.default = lambda talk: talk.answer(200, json.dumps(other_issuer.jwks()).encode())
    verifier = Verifier(VerifierSettings(ISSUER, "orders"), StaticKeys(issuer.jwks()))
    for signer in (issuer, other_issuer):
        assert refused(verifier, signer.token(issuer.header(**{member: brought}))) == "header_members"
    assert peer.requests == []


@pytest.mark.unit
@pytest.mark.parametrize(
    "extra",
    [{"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"zip": "DEF"}, {"cty": "JWT"}],
)
def test_row_5_extensions(issuer, verifier, extra):
    assert refused(verifier, issuer.token(issuer.header(**extra))) == "header_members"


@pytest.mark.unit
@pytest.mark.parametrize("expiry", [NOW - 3000, NOW - LEEWAY - 1, NOW - LEEWAY, 0, -1, ..., None])
def test_row_6_expired_missing_negative(issuer, verifier, expiry):
    refused(verifier, issuer.token(payload=issuer.claims(iat=NOW - 3500, exp=expiry)))


@pytest.mark.unit
def test_row_6_the_leeway_ends_at_five_seconds(issuer, verifier, now):
    token = issuer.token(payload=issuer.claims(exp=NOW))
    now(LEEWAY - 1)
    assert verifier.verify(token).subject == "usr_01"
    now(1)
    refused(verifier, token)


@pytest.mark.unit
@pytest.mark.parametrize(
    "claims",
    [
        {"exp": str(NOW + 60)},
        {"exp": NOW + 60.0},
        {"exp": 10**30},
        {"exp": 2**33},
        {"iat": str(NOW)},
        {"iat": NOW + 0.5},
        {"exp": NOW + 3600 * 24 * 365},
        {"exp": NOW + 3601},
        {"iat": -1},
        {"iat": NOW - 3600 * 24 * 365},
        {"iat": ...},
    ],
)
def test_row_7_lifetimes_that_are_no_integers_or_too_long(issuer, verifier, claims):
    assert refused(verifier, issuer.token(payload=issuer.claims(**claims))).startswith("lifetime")


@pytest.mark.unit
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "[]", "[1]", "true", "{}", "1e999", '"NaN"'])
@pytest.mark.parametrize("claim", ["exp", "iat"])
def test_row_8_exp_is_no_number(issuer, verifier, claim, value):
    payload = json.dumps(issuer.claims(**{claim: "@"})).replace('"@"', value).encode()
    refused(verifier, issuer.token(payload=payload))


@pytest.mark.unit
@pytest.mark.parametrize("claims", [{"nbf": NOW + 60}, {"iat": NOW + 60}, {"nbf": "soon"}])
def test_row_9_not_yet(issuer, verifier, claims):
    refused(verifier, issuer.token(payload=issuer.claims(**claims)))


@pytest.mark.unit
@pytest.mark.parametrize(
    "audience",
    ["auth", ["auth"], "order", "orders2", ["ORDERS"], ..., [], {}, {"orders": 1}, None, [["orders"]], [1], ""],
)
def test_row_10_other_audiences(issuer, verifier, audience):
    refused(verifier, issuer.token(payload=issuer.claims(aud=audience)))


@pytest.mark.unit
@pytest.mark.parametrize(
    "iss",
    ["https://evil.example", ISSUER + "/", ISSUER[:-1], ISSUER + ".evil", ISSUER.upper(), [ISSUER], ..., None, ""],
)
def test_row_11_other_issuers(issuer, verifier, iss):
    refused(verifier, issuer.token(payload=issuer.claims(iss=iss)))


@pytest.mark.unit
@pytest.mark.parametrize(
    "typ", ["JWT", "id+jwt", "jwt", "rt+jwt", "mfa+jwt", "verify+jwt", "at", "at+jwt+x", "", None, ["at+jwt"], ...]
)
def test_row_12_other_kinds_of_token(issuer, verifier, typ):
    refused(verifier, issuer.token(issuer.header(typ=typ)))


@pytest.mark.unit
@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"])
def test_row_12_the_type_is_read_without_regard_to_case(issuer, verifier, typ):
    assert verifier.verify(issuer.token(issuer.header(typ=typ))).subject == "usr_01"


@pytest.mark.unit
def test_row_13_duplicate_sub(issuer, verifier):
    payload = json.dumps(issuer.claims()).replace('"sub":', '"sub": "usr_02", "sub":').encode()
    assert refused(verifier, issuer.token(payload=payload)) == "duplicate_member"


@pytest.mark.unit
def test_row_13_duplicate_alg(issuer, verifier):
    header = b'{"alg": "none", "alg": "ES256", "typ": "at+jwt", "kid": "ec"}'
    assert refused(verifier, issuer.token(header)) == "duplicate_member"


@pytest.mark.unit
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("part", ["header", "payload"])
def test_row_13_other_encodings(issuer, verifier, encoding, part):
    header, payload = json.dumps(issuer.header()), json.dumps(issuer.claims())
    if part == "header":
        refused(verifier, issuer.token(header.encode(encoding)))
    else:
        refused(verifier, issuer.token(payload=payload.encode(encoding)))


@pytest.mark.unit
@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"1", b'"x"', b"{", b"\xff", b"{} {}", b'{"a": "\\ud800"}'])
def test_row_13_payloads_that_are_no_object(issuer, verifier, payload):
    refused(verifier, issuer.token(payload=payload))


@pytest.mark.unit
@pytest.mark.parametrize("part", [0, 1, 2])
@pytest.mark.parametrize("junk", ["=", "==", "\n", " ", "\t", "!", "%3D", ".", "+", "/", "é", "\x00"])
@pytest.mark.parametrize("where", ["front", "middle", "end"])
def test_row_14_junk_in_a_part(issuer, verifier, part, junk, where):
    parts = issuer.token().split(".")
    text = parts[part]
    at = {"front": 0, "middle": len(text) // 2, "end": len(text)}[where]
    parts[part] = text[:at] + junk + text[at:]
    refused(verifier, ".".join(parts))


@pytest.mark.unit
def test_row_14_changed_last_bits(issuer, verifier):
    # 64 bytes of signature leave four unused bits in the last character: 15 other spellings of one signature.
    token = issuer.token()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(token[-1])
    assert last % 16 == 0
    for bits in range(1, 16):
        assert refused(verifier, token[:-1] + alphabet[last + bits]) == "not_canonical"


@pytest.mark.unit
def test_row_14_the_other_alphabet(issuer, verifier):
    token = next(token for token in iter(issuer.token, "") if {"-", "_"} & set(token.rpartition(".")[2]))
    refused(verifier, token.replace("-", "+").replace("_", "/"))


@pytest.mark.unit
def test_row_15_tokens_that_are_too_long(issuer, verifier):
    fitting = issuer.token(payload=issuer.claims(pad="x" * 1500))
    assert verifier.verify(fitting).subject == "usr_01"
    padded = issuer.token(payload=issuer.claims(pad="x" * 3000))
    assert len(padded) > 4096
    assert refused(verifier, padded) == "too_long"
    assert refused(verifier, "a" * 4097) == "too_long"
    assert refused(verifier, "a." * 500_000) == "too_long"


@pytest.mark.unit
def test_row_15_the_longest_token_is_4096_characters(issuer, verifier):
    lengths = {}
    for size in range(1900, 3000):
        token = issuer.token(payload=issuer.claims(pad="x" * size))
        lengths[len(token)] = token
        if len(token) > 4096:
            break
    longest = max(length for length in lengths if length <= 4096)
    assert longest >= 4095
    assert verifier.verify(lengths[longest]).subject == "usr_01"


@pytest.mark.unit
@pytest.mark.parametrize("depth", [33, 1_000, 100_000])
@pytest.mark.parametrize("bracket", [("[", "]"), ('{"a":', "}")])
def test_row_15_depth_is_refused_without_descending(issuer, verifier, depth, bracket):
    opening, closing = bracket
    nested = opening * depth + "1" + closing * depth
    payload = json.dumps(issuer.claims(deep="@")).replace('"@"', nested).encode()
    assert refused(verifier, issuer.token(payload=payload)) in {"too_deep", "too_long"}
    header = json.dumps(issuer.header(kid="@")).replace('"@"', nested).encode()
    assert refused(verifier, issuer.token(header)) in {"too_deep", "too_long"}


@pytest.mark.unit
def test_row_16_signature_of_another_live_key(issuer, verifier):
    by_rsa = issuer.token(issuer.header(alg="RS256", kid="rsa"))
    assert verifier.verify(by_rsa).subject == "usr_01"
    refused(verifier, issuer.token(issuer.header(alg="RS256", kid="ec")))
    refused(verifier, issuer.token(issuer.header(alg="ES256", kid="rsa")))


@pytest.mark.unit
def test_row_16_signature_of_a_foreign_issuers_key(issuer, other_issuer, verifier):
    refused(verifier, other_issuer.token())


@pytest.mark.unit
def test_row_16_signature_of_a_retired_key(issuer, other_issuer, now):
    keys = StaticKeys(issuer.jwks())
    verifier = Verifier(VerifierSettings(ISSUER, "orders"), keys)
    token = issuer.token()
    assert verifier.verify(token).subject == "usr_01"
    keys._keys = {kid: key for kid, key in keys._keys.items() if kid != "ec"}
    assert refused(verifier, token) == "unknown_kid"  # although it was verified and remembered


@pytest.mark.unit
@pytest.mark.parametrize(
    "token", ["", ".", "..", "...", "a.b", "a.b.c.d", "null", "Bearer x", "{}", "é.é.é", "\ud800.a.b"]
)
def test_what_is_no_token_is_an_invalid_token(verifier, token):
    refused(verifier, token)

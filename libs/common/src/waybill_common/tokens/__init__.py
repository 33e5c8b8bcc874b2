"""Access tokens: verified offline, revoked by a feed, obtained by services for services."""

from waybill_common.tokens.caller import Caller
from waybill_common.tokens.confirmation import TokenConfirmation
from waybill_common.tokens.errors import InvalidTokenError, KeysUnavailableError
from waybill_common.tokens.key_sources import JwksKeys, StaticKeys, jwks_keys
from waybill_common.tokens.keys import KeySource, VerificationKey
from waybill_common.tokens.revocation_table import Revocation, RevocationTable
from waybill_common.tokens.revocation_view import RevocationView
from waybill_common.tokens.schema import REVOCATIONS_V1
from waybill_common.tokens.service_tokens import ServiceTokens
from waybill_common.tokens.verifier import Revocations, Verifier, VerifierSettings

__all__ = [
    "REVOCATIONS_V1",
    "Caller",
    "InvalidTokenError",
    "JwksKeys",
    "KeySource",
    "KeysUnavailableError",
    "Revocation",
    "RevocationTable",
    "RevocationView",
    "Revocations",
    "ServiceTokens",
    "StaticKeys",
    "TokenConfirmation",
    "VerificationKey",
    "Verifier",
    "VerifierSettings",
    "jwks_keys",
]

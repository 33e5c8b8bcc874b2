"""Ports that belong together, so that a use case takes one parameter for each thing it needs."""

from dataclasses import dataclass

from waybill_auth.domain.sessions import SessionRules
from waybill_auth.domain.throttles import Limits
from waybill_auth.use_cases.ports import (
    AddressReader,
    Clock,
    LinkKeys,
    PasswordHasher,
    PasswordRules,
    SessionKeys,
    TokenSigner,
)


@dataclass(frozen=True)
class Passwords:
    """How passwords are judged and hashed."""

    hasher: PasswordHasher
    rules: PasswordRules


@dataclass(frozen=True)
class Admission:
    """How addresses are read and attempts are limited."""

    addresses: AddressReader
    links: LinkKeys
    limits: Limits


@dataclass(frozen=True)
class SessionDesk:
    """How sessions are sealed and their tokens signed, by which rules and clock."""

    signer: TokenSigner
    keys: SessionKeys
    rules: SessionRules
    clock: Clock


@dataclass(frozen=True)
class LinkRules:
    """The base of links, from configuration alone and never from a request, and the keys of their tokens."""

    base_url: str
    keys: LinkKeys

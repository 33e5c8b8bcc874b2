"""Authenticate the client of an OAuth endpoint."""

from dataclasses import dataclass

from waybill_auth.domain.clients import Client
from waybill_auth.domain.errors import InvalidClientError
from waybill_auth.domain.sessions import FIRST_PARTY_CLIENT
from waybill_auth.use_cases.ports import UnitOfWorkFactory


@dataclass(frozen=True)
class ClientCredentials:
    """What the client said of itself; without a secret it can only be the public client of people who sign in."""

    client_id: str
    secret: str | None


def authenticate_client(credentials: ClientCredentials, unit_of_work: UnitOfWorkFactory) -> Client:
    """Return the client; raises InvalidClientError alike for an unknown id and a wrong secret.

    Secrets are 256-bit random values, so one SHA-256 is enough; bcrypt here would be a gift to an attacker.
    """
    if credentials.secret is None:
        if credentials.client_id != FIRST_PARTY_CLIENT:
            raise InvalidClientError("this client must authenticate")
        return Client(FIRST_PARTY_CLIENT, (), (), ())
    with unit_of_work() as work:
        client = work.clients.by_id(credentials.client_id)
    if client is None or not client.accepts(credentials.secret):
        raise InvalidClientError("the client is unknown or its secret is wrong")
    return client

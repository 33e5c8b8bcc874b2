"""The service of the integration tests, under its name here."""

from services.auth.tests.integration.conftest import auth, make_auth

__all__ = ["auth", "make_auth"]

"""The syntax of e-mail addresses, by email-validator, and then the rules of our own."""

import email_validator

from waybill_auth.domain.addresses import Address, address_of
from waybill_auth.domain.errors import InvalidAddressError


class EmailAddressReader:
    """Reads addresses without asking the DNS: a slow name server must not decide who may register."""

    def read(self, email: str) -> Address:
        """Return the address as entered and its key; raises InvalidAddressError."""
        try:
            parsed = email_validator.validate_email(email, check_deliverability=False, test_environment=True)
        except email_validator.EmailNotValidError as error:
            raise InvalidAddressError(str(error)) from None
        # Of the text as entered: the library normalises look-alikes away before anyone could refuse them.
        return address_of(email, email.rpartition("@")[0], parsed.ascii_domain)

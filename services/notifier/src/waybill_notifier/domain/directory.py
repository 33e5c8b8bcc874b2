"""What auth may say when it is asked whom a mail goes to."""


class DirectoryUnavailableError(Exception):
    """auth does not answer, or not to us; the delivery waits."""


class RecipientGoneError(Exception):
    """auth knows no such user or mail request."""


class MailRequestExpiredError(Exception):
    """The mail request is superseded, used or past its time (410)."""

"""Why a token was not accepted."""


class InvalidTokenError(Exception):
    """The token is not one of ours, not for us, not now, or no longer; answered with 401 `invalid_token`.

    `reason` is a short stable word for logs and metrics; the holder of a bad token is told none of it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class KeysUnavailableError(Exception):
    """No key set of the issuer has been loaded yet, so no token can be judged; answered with 503 and Retry-After."""

    retry_after_seconds = 1

"""Whether a token of auth's own was ended, read from the sessions and accounts themselves at every request."""

import sqlalchemy as sa

_PERSON = sa.text(
    """
    SELECT 1 FROM users JOIN sessions ON sessions.user_id = users.id
    WHERE users.id = :subject AND sessions.id = :session_id
      AND sessions.revoked_at IS NULL AND users.disabled_at IS NULL
      AND (users.tokens_not_before IS NULL OR floor(extract(epoch FROM users.tokens_not_before)) <= :issued_at)
    """
)
_SERVICE = sa.text("SELECT 1 FROM oauth_client WHERE id = :subject")
_ENDED = sa.text("SELECT 1 FROM revoked_token WHERE jti = :jti")


class OwnRevocations:
    """The owner of the sessions needs no feed: one indexed read, and a revocation counts from its commit."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def is_revoked(self, session_id: str | None, subject: str, issued_at: int) -> bool:
        """Tell whether the session has ended, the account is off or gone, or the client was removed."""
        values = {"subject": subject, "session_id": session_id, "issued_at": issued_at}
        statement = _SERVICE if session_id is None else _PERSON
        with self._engine.connect() as connection:
            return connection.execute(statement, values).scalar() is None

    def is_ended(self, token_id: str) -> bool:
        """Tell whether this very token was ended."""
        with self._engine.connect() as connection:
            return connection.execute(_ENDED, {"jti": token_id}).scalar() is not None

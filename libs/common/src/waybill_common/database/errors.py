"""Which database failures mean "away", which mean "try again", and which are ours."""

import psycopg2
import sqlalchemy.exc

# Class 08 connection exceptions, 57P0x shutdowns, 53xxx out of resources, 25006 a standby not yet promoted.
_UNAVAILABLE_STATES = ("08", "57P", "53", "25006")
_TRANSIENT_STATES = ("40001", "40P01", "55P03", "57014")


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of a driver error or of SQLAlchemy's wrapper around one, None where there is none."""
    original = getattr(error, "orig", None) or error
    return getattr(original, "pgcode", None)


def is_unavailable(error: BaseException) -> bool:
    """Tell whether the database, or the pool in front of it, could not be reached; the work itself may be fine."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.connection_invalidated:
        return True
    state = sqlstate(error)
    if state is not None:
        return state.startswith(_UNAVAILABLE_STATES)
    original = getattr(error, "orig", None) or error
    return isinstance(original, psycopg2.OperationalError | psycopg2.InterfaceError)


def is_transient(error: BaseException) -> bool:
    """Tell whether the same work may succeed at once: serialization failure, deadlock, lock or statement timeout."""
    return sqlstate(error) in _TRANSIENT_STATES

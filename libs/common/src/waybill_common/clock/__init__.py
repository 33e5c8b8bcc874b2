"""Time as Waybill writes it: aware UTC, RFC 3339 with six fractional digits and `Z`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the current time as an aware UTC datetime."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Format an aware datetime as RFC 3339 section 5.6, for example `2026-01-02T03:04:05.123456Z`.

    Raises ValueError for a naive datetime: its zone would be a guess.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no zone; make it aware before it is written")
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # A quarter of strftime's time, and years before 1000 keep their four digits.
    return moment.isoformat(timespec="microseconds")[:26] + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 time into an aware UTC datetime; raises ValueError when it has no zone or is no time."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write it as in 2026-01-02T03:04:05Z")
    return moment.astimezone(UTC)

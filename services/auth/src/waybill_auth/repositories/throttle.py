"""The throttle in PostgreSQL: shared by all workers and replicas, counted before the work and never after."""

import sqlalchemy as sa

from waybill_auth.domain.throttles import Backoff, Window

# `clock_timestamp()` and not `now()`: a racer waits for the row here and must judge it by the time it gets it.
_COUNT = sa.text(
    """
    INSERT INTO throttle AS t (bucket, hits, started_at, next_at, last_at)
    VALUES (:bucket, 1, clock_timestamp(), clock_timestamp(), clock_timestamp())
    ON CONFLICT (bucket) DO UPDATE SET
        hits = CASE WHEN t.started_at + make_interval(secs => :seconds) <= clock_timestamp() THEN 1
                    ELSE least(t.hits + 1, :limit + 1) END,
        started_at = CASE WHEN t.started_at + make_interval(secs => :seconds) <= clock_timestamp()
                          THEN clock_timestamp() ELSE t.started_at END,
        last_at = clock_timestamp()
    RETURNING hits, extract(epoch FROM started_at + make_interval(secs => :seconds) - clock_timestamp()) AS rest
    """
)
# One statement takes the attempt and sets the next time; the WHERE lets it through only when its time has come.
# The wait doubles from :first after :free failures in a row, up to :max.
_RESERVE = sa.text(
    """
    INSERT INTO throttle AS t (bucket, hits, started_at, next_at, last_at)
    VALUES (:bucket, 1, clock_timestamp(),
            clock_timestamp() + make_interval(secs => CASE WHEN :free <= 1 THEN least(:first, :max) ELSE 0 END),
            clock_timestamp())
    ON CONFLICT (bucket) DO UPDATE SET
        (hits, next_at, last_at) = (
            SELECT taken.hits,
                   clock_timestamp() + make_interval(secs => CASE WHEN taken.hits < :free THEN 0
                       ELSE least(:first * power(2.0::float8, least(taken.hits - :free, 60)), :max) END),
                   clock_timestamp()
            FROM (SELECT CASE WHEN t.last_at + make_interval(secs => :reset) <= clock_timestamp() THEN 1
                              ELSE t.hits + 1 END AS hits) AS taken)
    WHERE t.next_at <= clock_timestamp() OR t.last_at + make_interval(secs => :reset) <= clock_timestamp()
    RETURNING 1
    """
)
_WAIT = sa.text("SELECT extract(epoch FROM next_at - clock_timestamp()) FROM throttle WHERE bucket = :bucket")
_GIVE_BACK = sa.text(
    "UPDATE throttle SET hits = greatest(hits - 1, 0), next_at = clock_timestamp() WHERE bucket = :bucket"
)
_FORGET = sa.text("DELETE FROM throttle WHERE bucket = :bucket")
_MIN_WAIT_SECONDS = 0.001


class ThrottleRepository:
    """Counted attempts; a bucket is an opaque key."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def count(self, bucket: bytes, window: Window) -> float:
        """Take one of the window; return the seconds to wait, 0 when it was within the limit."""
        values = {"bucket": bucket, "limit": window.limit, "seconds": window.seconds}
        row = self._connection.execute(_COUNT, values).one()
        return 0.0 if row.hits <= window.limit else max(float(row.rest), _MIN_WAIT_SECONDS)

    def reserve(self, bucket: bytes, backoff: Backoff) -> float:
        """Take an attempt before it is made; return the seconds to wait, 0 when it may be made."""
        values = {
            "bucket": bucket,
            "free": backoff.free,
            "first": backoff.first_seconds,
            "max": backoff.max_seconds,
            "reset": backoff.reset_seconds,
        }
        if self._connection.execute(_RESERVE, values).scalar() is not None:
            return 0.0
        wait = self._connection.execute(_WAIT, {"bucket": bucket}).scalar()
        return max(float(wait or 0), _MIN_WAIT_SECONDS)

    def give_back(self, bucket: bytes) -> None:
        """Return an attempt that was not made."""
        self._connection.execute(_GIVE_BACK, {"bucket": bucket})

    def forget(self, bucket: bytes) -> None:
        """Forget the failures: the attempt succeeded."""
        self._connection.execute(_FORGET, {"bucket": bucket})

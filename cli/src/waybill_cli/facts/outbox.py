"""What waits to be published, and whether a relay leads."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from waybill_cli.sources.databases import Databases

PUBLISHERS = ("auth", "orders")
"""Services with a relay; notifier publishes nothing yet."""

_WAITING = """
    SELECT count(*) AS waiting, min(queued_at) AS oldest_at, clock_timestamp() - min(queued_at) AS oldest_age,
           (SELECT count(*) FROM outbox_dead) AS unpublishable
    FROM outbox
"""
_ROWS = """
    SELECT o.position, l.type, l.subject, l.sequence, o.queued_at, clock_timestamp() - o.queued_at AS age
    FROM outbox AS o LEFT JOIN event_log AS l USING (position) ORDER BY o.position LIMIT %(most)s
"""
_DEAD = """
    SELECT d.position, l.type, l.subject, l.sequence, d.died_at, d.error
    FROM outbox_dead AS d LEFT JOIN event_log AS l USING (position) ORDER BY d.position LIMIT %(most)s
"""
# pg_locks shows the two halves of a 64-bit advisory lock as classid and objid.
_LEADER = """
    SELECT a.pid, a.application_name, a.client_addr::text AS client, a.backend_start AS since
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (l.classid::bigint << 32) + l.objid::bigint = %(lock)s
"""


def waiting(databases: Databases, service: str) -> dict[str, Any]:
    """How many pointers wait, since when, how many could not be published, and which session leads (or None)."""
    return databases.read(service, _WAITING)[0] | {"leader": leader(databases, service)}


def rows(databases: Databases, service: str, most: int) -> list[dict[str, Any]]:
    """The oldest pointers that wait, with what they point at."""
    return databases.read(service, _ROWS, {"most": most})


def unpublishable(databases: Databases, service: str, most: int) -> list[dict[str, Any]]:
    """What was put aside because the broker refused it, with the reason."""
    return databases.read(service, _DEAD, {"most": most})


def leader(databases: Databases, service: str) -> dict[str, Any] | None:
    """The session that holds the relay's lock: that of the leading relay."""
    found = databases.read(service, _LEADER, {"lock": _lock_id(service)})
    return found[0] if found else None


def has_leader(databases: Databases, service: str) -> bool | None:
    """Whether some relay leads; None when it is not known."""
    return leader(databases, service) is not None


def _lock_id(service: str) -> int:
    """The lock of `waybill_common.messaging.outbox`; a test takes it there and looks for it here."""
    return int.from_bytes(hashlib.sha256(f"waybill.relay.{service}".encode()).digest()[:8], "big", signed=True)

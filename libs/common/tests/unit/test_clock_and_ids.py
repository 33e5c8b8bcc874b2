"""Times and identifiers as they are written."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from waybill_common.clock import parse_rfc3339, rfc3339, utc_now
from waybill_common.ids import new_id, uuid7

pytestmark = pytest.mark.unit


def test_a_time_is_written_in_utc_with_six_digits():
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=9)))
    assert rfc3339(moment) == "2026-01-01T18:04:05.000000Z"
    assert parse_rfc3339("2026-01-01T18:04:05Z") == moment


def test_a_time_without_a_zone_is_refused_both_ways():
    with pytest.raises(ValueError, match="zone"):
        rfc3339(datetime(2026, 1, 2))  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        parse_rfc3339("2026-01-02T03:04:05")


def test_uuid7_is_version_7_and_holds_the_time():
    before = utc_now().timestamp() * 1000 - 1
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= datetime.now(UTC).timestamp() * 1000 + 1


def test_ids_are_distinct_and_carry_their_prefix():
    ids = {new_id("ord") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(one.startswith("ord_") and len(one) == 36 for one in ids)

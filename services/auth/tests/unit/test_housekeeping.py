"""The recurring jobs on fakes."""

import pytest
from waybill_auth.jobs.recurring import PURGE_EXPIRED, Housekeeping, handlers
from waybill_common.jobs import Done

pytestmark = pytest.mark.unit


def test_a_purge_goes_on_until_nothing_is_left_however_small_a_batch_is():
    left = [{"sessions": 0, "users": 200}, {"sessions": 3, "users": 200}, {"sessions": 0, "users": 1}]
    empty = {"sessions": 0, "users": 0}

    def purge():
        return left.pop(0) if left else empty

    purge_expired = handlers(Housekeeping(rotate_keys=pytest.fail, purge_expired=purge))[PURGE_EXPIRED]
    assert purge_expired(None) == Done()
    assert left == []

"""The deadline in hand, and its header."""

import pytest
from waybill_common.sessions import deadline_scope, read_deadline, remaining_seconds, write_deadline

pytestmark = pytest.mark.unit


def test_there_is_no_deadline_outside_of_a_scope():
    assert remaining_seconds() is None


def test_an_inner_scope_can_only_shorten_the_deadline():
    with deadline_scope(5):
        with deadline_scope(60):
            assert remaining_seconds() <= 5
        with deadline_scope(0.5):
            assert remaining_seconds() <= 0.5
        assert remaining_seconds() > 0.5


def test_a_scope_ends_with_its_block_also_on_an_error():
    with pytest.raises(LookupError), deadline_scope(5):
        raise LookupError
    assert remaining_seconds() is None


def test_what_is_left_is_never_negative():
    with deadline_scope(-1):
        assert remaining_seconds() == 0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("2500", 2.5), ("0", 0.0), (None, 8.0), ("60000", 8.0), ("-5", 8.0), ("1e9", 8.0), ("٣", 8.0), ("9" * 400, 8.0)],
)
def test_a_callers_deadline_is_read_and_capped(header, seconds):
    assert read_deadline(header, longest_seconds=8.0) == seconds


def test_a_deadline_is_written_in_whole_milliseconds_rounded_down():
    assert write_deadline(1.2349) == "1234"

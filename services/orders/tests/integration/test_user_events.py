"""Revocations: from auth's events and its list into the table that every web process reads."""

import time
from datetime import UTC, datetime

import pytest
from waybill_common.messaging import Handling, IncomingEvent, PermanentMessageError
from waybill_common.sessions import PeerUnavailableError
from waybill_common.tokens import RevocationView
from waybill_orders.bootstrap import build_user_events
from waybill_orders.consumers.user_events import RevocationFeed

from .service import Service

pytestmark = pytest.mark.integration

UNTIL = int(time.time()) + 86_400  # longer than any run of the suite


def event(kind: str, data: dict[str, object], event_id: str = "e1") -> IncomingEvent:
    return IncomingEvent(event_id, kind, "/waybill/auth", "usr_ann", None, datetime.now(UTC), data)


def test_a_revoked_session_is_refused_by_every_process(service: Service) -> None:
    handle = build_user_events(service.foundation)
    assert handle(event("auth.session.revoked", {"sid": "ses_1", "until": UNTIL})) is Handling.HANDLED
    view = RevocationView(service.foundation.background)
    assert view.is_revoked("ses_1", "usr_ann", 0)
    assert not view.is_revoked("ses_2", "usr_ann", 0)
    view.close()


def test_a_revoked_users_older_tokens_are_refused(service: Service) -> None:
    handle = build_user_events(service.foundation)
    handle(event("auth.user.revoked", {"sub": "usr_ann", "not_before": 1000, "until": UNTIL}))
    view = RevocationView(service.foundation.background)
    assert view.is_revoked(None, "usr_ann", 999)
    assert not view.is_revoked(None, "usr_ann", 1000)
    view.close()


def test_a_message_that_comes_twice_is_taken_once(service: Service) -> None:
    handle = build_user_events(service.foundation)
    message = event("auth.session.revoked", {"sid": "ses_1", "until": UNTIL})
    assert [handle(message), handle(message)] == [Handling.HANDLED, Handling.DUPLICATE]
    assert (service.count("inbox"), service.count("revocation")) == (1, 1)


def test_types_that_orders_has_no_use_for_are_ignored(service: Service) -> None:
    assert build_user_events(service.foundation)(event("auth.user.registered", {"user_id": "u"})) is Handling.IGNORED
    assert service.count("inbox") == 0


@pytest.mark.parametrize("data", [{}, {"sid": 7, "until": UNTIL}, {"sub": "usr_ann", "until": UNTIL}])
def test_a_payload_that_is_no_revocation_is_a_dead_letter(service: Service, data: dict[str, object]) -> None:
    with pytest.raises(PermanentMessageError):
        build_user_events(service.foundation)(event("auth.user.revoked", data))
    assert service.count("inbox") == 0


def test_the_feed_seeds_once_then_notes_life_while_it_is_open(service: Service) -> None:
    asked: list[int] = []
    is_open = [False]

    def ask() -> list[dict[str, object]]:
        asked.append(1)
        if len(asked) == 1:
            raise PeerUnavailableError("auth", "refused")
        return [{"kind": "sid", "id": "ses_9", "not_before": None, "until": UNTIL}]

    feed = RevocationFeed(service.foundation.unit_of_work, ask, lambda: is_open[0])
    assert [feed.step(), feed.step()] == [False, False]  # auth away; then seeded, but nothing is consumed yet
    assert service.count("feed_state") == 0
    is_open[0] = True
    assert [feed.step(), feed.step()] == [True, True]
    assert len(asked) == 2
    assert (service.count("feed_state"), service.count("revocation")) == (1, 1)


def test_the_feed_outlives_a_database_that_is_away(service: Service) -> None:
    feed = RevocationFeed(service.foundation.unit_of_work, list, lambda: True)
    service.execute("ALTER TABLE feed_state RENAME TO gone")
    assert feed.step() is False
    service.execute("ALTER TABLE gone RENAME TO feed_state")
    assert feed.step() is True

"""The caller's inbox: list, read, and note that he has read."""

import orjson
from flask import Response, request
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    current_caller,
    decode_cursor,
    encode_cursor,
    json_answer,
    operation,
    page_answer,
    send_answer,
)
from waybill_common.idempotency import KeyRequest

from waybill_notifier.domain.notification import Notification
from waybill_notifier.use_cases.ports import LedgerQueries, Renderer, UnitOfWorkFactory
from waybill_notifier.use_cases.read_notification import ReadNotification, read_notification
from waybill_notifier.views.representation import notification_json
from waybill_notifier.views.schemas import NotificationOut, NotificationPageOut, PageQuery


def notifications_blueprint(
    queries: LedgerQueries, renderer: Renderer, unit_of_work: UnitOfWorkFactory
) -> GuardedBlueprint:
    """Return `/v1/notifications…`; everybody sees only his own."""
    blueprint = GuardedBlueprint("notifications", __name__, access=PERSON)

    def shown(notification: Notification) -> dict[str, object]:
        locale = next(iter(request.accept_languages.values()), None)
        return notification_json(notification, renderer.title(notification.template, notification.facts, locale))

    @blueprint.get("/v1/notifications")
    @operation(query=PageQuery, answers={200: NotificationPageOut})
    def list_notifications(query: PageQuery) -> Response:
        """List your notifications, newest first."""
        before = None if query.cursor is None else decode_cursor(query.cursor, {}, [str])[0]
        found = queries.notifications(current_caller().subject, before, query.limit + 1)
        page = found[: query.limit]
        cursor = encode_cursor([page[-1].id], {}) if len(found) > query.limit else None
        return page_answer([shown(notification) for notification in page], cursor)

    @blueprint.get("/v1/notifications/<notification_id>")
    @operation(answers={200: NotificationOut})
    def show_notification(notification_id: str) -> Response:
        """Show one of your notifications."""
        return json_answer(shown(queries.notification(notification_id, current_caller().subject)))

    @blueprint.post("/v1/notifications/<notification_id>/read")
    @operation(keyed="optional", answers={200: NotificationOut})
    def mark_read(notification_id: str, key: KeyRequest | None) -> Response:
        """Note that you have read it; the first time counts."""
        command = ReadNotification(notification_id, current_caller().subject, key)
        return send_answer(read_notification(command, lambda read: orjson.dumps(shown(read)), unit_of_work))

    return blueprint

"""Unsubscribe links (RFC 8058): answered, but no mail carries one, since no category is optional yet."""

from flask import Response
from waybill_common.http import PUBLIC, GuardedBlueprint, operation

from waybill_notifier.domain.errors import UnknownUnsubscribeTokenError


def unsubscribe_blueprint() -> GuardedBlueprint:
    """Return `/u/{token}`.

    Every mail there is concerns the account or an order, and those cannot be switched off (messaging.md §12 row 6);
    so there are no subscriptions, and every token is an unknown one.
    """
    blueprint = GuardedBlueprint("unsubscribe", __name__, access=PUBLIC)

    @blueprint.get("/u/<token>")
    @operation(form=True, answers={200: None})
    def show(token: str) -> Response:  # noqa: ARG001 - no token is known
        """Show what an unsubscribe link would do; a link scanner's visit changes nothing."""
        raise UnknownUnsubscribeTokenError

    @blueprint.post("/u/<token>")
    @operation(form=True, answers={200: None})
    def unsubscribe(token: str) -> Response:  # noqa: ARG001 - no token is known
        """Unsubscribe by one click, without cookies, login or redirect."""
        raise UnknownUnsubscribeTokenError

    return blueprint

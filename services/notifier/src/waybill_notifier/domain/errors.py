"""What can go wrong in the notifier's own terms, each with a stable code."""

from collections.abc import Iterable


class DomainError(Exception):
    """Base of every refusal of this service; `code` is what clients switch on."""

    code = "domain_error"


class DeliveryNotFoundError(DomainError):
    """No delivery has this id."""

    code = "delivery_not_found"

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"There is no delivery {delivery_id}.")
        self.delivery_id = delivery_id


class NotificationNotFoundError(DomainError):
    """The caller has no notification with this id."""

    code = "notification_not_found"

    def __init__(self, notification_id: str) -> None:
        super().__init__(f"You have no notification {notification_id}.")
        self.notification_id = notification_id


class InvalidTransitionError(DomainError):
    """A delivery cannot go from its state to the one asked for (messaging.md §11.6)."""

    code = "invalid_transition"

    def __init__(self, current: str, wanted: str, allowed: Iterable[str]) -> None:
        super().__init__(f"A delivery that is {current} cannot become {wanted}.")
        self.current = current
        self.wanted = wanted
        self.allowed = sorted(allowed)


class UnknownUnsubscribeTokenError(DomainError):
    """The token of an unsubscribe link names no subscription."""

    code = "unknown_unsubscribe_token"

    def __init__(self) -> None:
        super().__init__("This unsubscribe link is not known; nothing was changed.")

"""What can be wrong with an event or a message, told apart by what has to happen next."""


class EventTooLargeError(Exception):
    """An event would not travel: carry ids and let the reader ask for the rest, or split what happened."""


class PermanentMessageError(Exception):
    """This message can never be handled: it goes to the dead letters at once, under `reason` (a stable code)."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class TransientMessageError(Exception):
    """This message cannot be handled now: it is tried again in place, then climbs the retry ladder."""

"""What can go wrong with a peer: one tree, so that a caller may catch as much of it as it can handle.

PeerError
├── PeerTimeoutError        no whole answer in time
├── PeerUnavailableError    no usable answer
│   └── PeerAnswerError     an answer that breaks the rules
└── CircuitOpenError        not even asked
"""


class PeerError(Exception):
    """A call to another service gave no answer that can be used.

    `peer` is the connector's name, `reason` a short stable word for logs and metrics, `status` the status of the last
    answer where there was one. 4xx are answers and never come as an error.
    """

    def __init__(self, peer: str, reason: str, detail: str = "", *, status: int | None = None) -> None:
        super().__init__(f"{peer}: {reason}{': ' if detail else ''}{detail}")
        self.peer = peer
        self.reason = reason
        self.status = status


class PeerTimeoutError(PeerError):
    """No whole answer within the time the call had; what was asked may have happened or may happen yet."""


class PeerUnavailableError(PeerError):
    """The peer refused or dropped the connection, or answered with a 5xx; what was asked may have happened."""


class PeerAnswerError(PeerUnavailableError):
    """The peer answered, but with too much, cut off, encoded or unreadable content."""


class CircuitOpenError(PeerError):
    """The breaker of this peer is open: nothing was sent."""

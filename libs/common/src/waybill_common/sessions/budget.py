"""How many retries a peer may get: a tenth of its calls, so that retries cannot double the load of a sick peer."""

import threading


class RetryBudget:
    """A bucket that each call fills by `ratio` and each retry empties by one.

    Finagle's form of the budget: a share of the calls, not a count per call, because three tries of every call are a
    tripled load exactly when the peer can bear it least. `reserve` retries are there from the start, or a process
    with little to do could never retry. Per process, like the breaker.
    """

    def __init__(self, ratio: float = 0.1, reserve: float = 3.0, most: float = 10.0) -> None:
        self._ratio = ratio
        self._most = most
        self._balance = reserve
        self._lock = threading.Lock()

    def deposit(self) -> None:
        """Count one call."""
        with self._lock:
            self._balance = min(self._most, self._balance + self._ratio)

    def withdraw(self) -> bool:
        """Take one retry; False when the budget is spent."""
        with self._lock:
            # The epsilon forgives that ten times 0.1 is less than one in binary.
            if self._balance < 1.0 - 1e-9:
                return False
            self._balance -= 1.0
            return True

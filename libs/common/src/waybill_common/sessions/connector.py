"""A named connector: what may be repeated is repeated, within the retry budget, the deadline and `Retry-After`."""

import itertools
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any

import requests

from waybill_common.sessions.answers import asks_to_wait, retry_after_seconds
from waybill_common.sessions.breaker import BreakerState
from waybill_common.sessions.budget import RetryBudget
from waybill_common.sessions.deadline import deadline_scope, remaining_seconds
from waybill_common.sessions.line import Exchange, PeerLine
from waybill_common.sessions.metrics import ConnectorMetrics
from waybill_common.sessions.options import ConnectorOptions, OutgoingCall, TokenSource


class Connector:
    """Calls one peer; thread-safe, made after the fork. Breaker and retry budget are per process."""

    def __init__(
        self,
        name: str,
        base_url: str,
        options: ConnectorOptions | None = None,
        tokens: TokenSource | None = None,
        metrics: ConnectorMetrics | None = None,
    ) -> None:
        self.name = name
        self.options = options or ConnectorOptions()
        self._line = PeerLine(name, base_url, self.options, metrics)
        self._tokens = tokens
        self._metrics = metrics
        self._budget = RetryBudget(self.options.retry_ratio, self.options.retry_reserve)
        self._sleep = time.sleep

    @property
    def base_url(self) -> str:
        """The peer's address, without a slash at its end."""
        return self._line.base_url

    @property
    def breaker_state(self) -> BreakerState:
        """The state of this peer's breaker."""
        return self._line.breaker.state

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> requests.Response:
        """Send one request and return the answer, its body read: any status below 500; redirects are not followed.

        `path` starts with `/`; `json` becomes the body. GET, HEAD, PUT and DELETE, and calls with an idempotency key,
        are repeated when they fail; nothing else is. Raises PeerTimeoutError, PeerUnavailableError (5xx included) or
        CircuitOpenError, and ValueError for a path that leaves the peer.
        """
        return self.send(
            OutgoingCall(method=method, path=path, json=json, headers=headers or {}, idempotency_key=idempotency_key)
        )

    def send(self, call: OutgoingCall) -> requests.Response:
        """Send a call as `request` does; for what `request` has no word for, such as a form."""
        self._budget.deposit()
        with deadline_scope(self.options.deadline_seconds):
            attempt, sent = 1, itertools.count()
            result = self._authenticated(call, sent)
            while self._is_worth_repeating(call, result) and self._may_repeat(attempt, result):
                attempt += 1
                result = self._authenticated(call, sent)
        if result.failure is not None:
            raise result.failure
        assert result.answer is not None  # an exchange has one of the two
        return result.answer

    def close(self) -> None:
        """Close the pooled connections."""
        self._line.close()

    def _authenticated(self, call: OutgoingCall, sent: Iterator[int]) -> Exchange:
        """Make one attempt, with a second token when the first is refused: a 401 says that nothing was done."""
        if self._tokens is None:
            return self._line.exchange(call, None, next(sent))
        token = self._tokens.token()
        result = self._line.exchange(call, token, next(sent))
        if result.status != 401:
            return result
        self._tokens.invalidate(token)
        fresh = self._tokens.token()
        return result if fresh == token else self._line.exchange(call, fresh, next(sent))

    @staticmethod
    def _is_worth_repeating(call: OutgoingCall, result: Exchange) -> bool:
        if not call.is_repeatable:
            return False
        if result.failure is not None or result.answer is None:
            return True
        return asks_to_wait(result.answer, is_keyed=call.idempotency_key is not None)

    def _may_repeat(self, attempt: int, result: Exchange) -> bool:
        """Sleep until the next attempt may go; False when there shall be none."""
        options = self.options
        if attempt >= options.max_attempts or self.breaker_state is BreakerState.OPEN:
            return False
        # Full jitter: clients that failed together must not come back together.
        jitter = random.uniform(0, options.backoff_seconds * 2**attempt)  # noqa: S311
        pause = max(jitter, retry_after_seconds(result.answer))
        if pause >= (remaining_seconds() or 0):
            return False
        is_granted = self._budget.withdraw()
        if self._metrics is not None:
            self._metrics.retry_wanted(self._line.address, is_granted=is_granted)
        if is_granted:
            self._sleep(pause)
        return is_granted

"""Gateways that crash the caller or keep silent, before or after they did what was asked."""

from collections.abc import Callable
from typing import Any

from waybill_orders.domain.payment_errors import GatewayUnansweredError
from waybill_orders.use_cases.money_ports import PaymentGateway

COMMANDS = ("charge", "capture", "void", "refund")


class Crash(BaseException):
    """The process dies here: nothing after this line happens, and nobody catches it."""


class _Misbehaving:
    name = "sandbox"
    error: type[BaseException] = Crash

    def __init__(self, sound: PaymentGateway, *, after: bool) -> None:
        self._sound = sound
        self._after = after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        command: Callable[..., Any] = getattr(self._sound, name)
        if name not in COMMANDS:
            return command

        def misbehave(*arguments: Any) -> Any:
            if self._after:
                command(*arguments)
            raise self.error

        return misbehave


class Crashing(_Misbehaving):
    """The caller dies between claim and call, or (`after`) between call and settlement."""


class Silent(_Misbehaving):
    """No answer comes, though (`after`) the gateway did what was asked."""

    error = GatewayUnansweredError


class Away:
    """A gateway that nobody can reach: commands and questions alike get no answer."""

    name = "sandbox"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def silence(*_: Any) -> Any:
            raise GatewayUnansweredError(name)

        return silence

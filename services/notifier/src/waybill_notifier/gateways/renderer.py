"""Renders mails: Jinja2 in a sandbox, HTML and text from one source and one context, styles inlined."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal
from css_inline import CSSInliner
from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import escape

from waybill_notifier.domain.letter import Recipient, Rendered, checked_subject
from waybill_notifier.domain.money import major_units
from waybill_notifier.domain.outside_text import tame, tame_all
from waybill_notifier.gateways.words import language_for, text_of

_TIMES = ("placed_at", "expires_at")
_BLANK_LINES = re.compile(r"\n\s*\n(\s*\n)*")


def _environment(*, is_html: bool) -> SandboxedEnvironment:
    return SandboxedEnvironment(
        loader=PackageLoader("waybill_notifier", "templates"),
        undefined=StrictUndefined,
        autoescape=is_html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
    )


@dataclass(frozen=True)
class _Speaker:
    """Says texts, amounts and times in one language; what it is given is escaped when it speaks HTML."""

    language: str
    currency: str
    timezone: tzinfo
    is_html: bool

    def t(self, key: str, **values: Any) -> str:
        text = text_of(self.language, key)
        return escape(text).format(**values) if self.is_html else text.format(**values)

    def money(self, amount_minor: int) -> str:
        amount = major_units(amount_minor, self.currency)
        return format_currency(amount, self.currency, locale=_locale(self.language))

    def number(self, value: int) -> str:
        return format_decimal(value, locale=_locale(self.language))

    def date(self, moment: datetime) -> str:
        pattern = text_of(self.language, "common.moment")
        return format_datetime(moment, pattern, tzinfo=self.timezone, locale=_locale(self.language))


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language)


class Renderer:
    """Renders the mails of one shop; safe to share between threads."""

    def __init__(self, shop_name: str, *, can_reply: bool) -> None:
        self._shop = tame(shop_name)
        self._can_reply = can_reply
        self._html = _environment(is_html=True)
        self._text = _environment(is_html=False)
        # Style tags stay beside the inlined styles: dark mode and small screens need their media queries.
        self._inliner = CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)

    def render(self, template: str, facts: Mapping[str, Any], recipient: Recipient) -> Rendered:
        """Render one of `domain.kinds.KINDS` with the facts of its event.

        Every string of the facts and the recipient's name are tamed (domain.outside_text); only `recipient.link`,
        which the caller has checked, becomes a link. Raises MissingTextError, jinja2.UndefinedError for a template
        that asks for what is not there, UnsendableError for a subject that cannot stand in a header.
        """
        order = _tamed(facts)
        language = language_for(recipient.locale)
        speaker = _Speaker(language, order.get("currency") or "EUR", _zone(recipient.timezone), is_html=False)
        subject = checked_subject(self._subject(template, order, speaker))
        text = self._body(template, order, recipient, speaker, subject)
        html = self._body(
            template, order, recipient, _Speaker(language, speaker.currency, speaker.timezone, is_html=True), subject
        )
        return Rendered(subject, text, self._inliner.inline(html), language)

    def title(self, template: str, facts: Mapping[str, Any] | None, locale: str | None) -> str:
        """The subject line for the inbox, or the general heading once the facts are past their retention."""
        if facts is None:
            return text_of(language_for(locale), f"{template}.heading")
        speaker = _Speaker(language_for(locale), facts.get("currency") or "EUR", UTC, is_html=False)
        return checked_subject(self._subject(template, _tamed(facts), speaker))

    def _subject(self, template: str, order: Mapping[str, Any], speaker: _Speaker) -> str:
        return speaker.t(f"{template}.subject{_variant(template, order)}", **self._values(order, speaker))

    def _values(self, order: Mapping[str, Any], speaker: _Speaker) -> dict[str, str]:
        """What a subject, heading or preheader may name."""
        values = {"shop": self._shop, "number": order.get("number") or ""}
        amount = (order.get("payment") or order.get("refund") or {}).get("amount")
        if amount is not None:
            values["amount"] = speaker.money(amount)
        if order.get("total") is not None:
            values["total"] = speaker.money(order["total"])
        return values

    def _body(
        self, template: str, order: Mapping[str, Any], recipient: Recipient, speaker: _Speaker, subject: str
    ) -> str:
        environment, shape = (self._html, "html") if speaker.is_html else (self._text, "text")
        variant = _variant(template, order)
        values = self._values(order, speaker)
        name = tame(recipient.name or "")
        context = {
            "layout": f"{shape}/layout.j2",
            "t": speaker.t,
            "money": speaker.money,
            "number": speaker.number,
            "date": speaker.date,
            "locale": speaker.language,
            "shop": self._shop,
            "can_reply": self._can_reply,
            "subject": subject,
            "heading": speaker.t(f"{template}.heading{variant}", **values),
            "preheader": speaker.t(f"{template}.preheader{variant}", **values),
            "greeting": speaker.t("common.greeting", name=name) if name else speaker.t("common.greeting_anonymous"),
            "order": order,
            "link": recipient.link,
            "link_expires_at": recipient.expires_at,
            "ui": environment.get_template(f"{shape}/blocks.j2").module,
        }
        body = environment.get_template(f"mails/{template}.j2").render(context)
        return _BLANK_LINES.sub("\n\n", body).strip() + "\n"


def _tamed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts with their strings tamed and their times read; the consumer has checked that they are times."""
    times = {name: datetime.fromisoformat(facts[name]) for name in _TIMES if facts.get(name) is not None}
    return {**tame_all(dict(facts)), **times}


def _variant(template: str, order: Mapping[str, Any]) -> str:
    """A cancellation of some lines only has words of its own."""
    return "_part" if template == "order_canceled" and order.get("status") != "canceled" else ""


def _zone(name: str | None) -> tzinfo:
    """The recipient's zone, UTC when he has none or one that nobody knows."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC

"""Every mail in every language: nothing missing, nothing foreign that links or breaks the markup."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from importlib.resources import files
from string import Formatter

import pytest
from jinja2 import UndefinedError
from notifier_support.events import order_data
from waybill_notifier.consumers.payloads import order_facts
from waybill_notifier.domain.kinds import KINDS
from waybill_notifier.domain.letter import Recipient
from waybill_notifier.gateways.renderer import Renderer
from waybill_notifier.gateways.words import LANGUAGES, MissingTextError, catalogue, language_for, text_of

pytestmark = pytest.mark.unit

LINK = "https://shop.example.test/verify#token=mrq_1.abc"
EVIL = '<a href="https://evil.example">x</a> www.evil.example {{ 7*7 }} {0.__class__} =?UTF-8?Q?=0A?= \u202e'
RENDERER = Renderer("Waybill", can_reply=True)


def recipient(locale="en", name="Ann", timezone="Asia/Seoul"):
    return Recipient("ann@example.test", name, locale, timezone, LINK, datetime(2026, 1, 2, tzinfo=UTC))


def facts(**changes):
    return order_facts(order_data("usr_1", placed_at="2026-01-02T03:04:05Z", **changes))


class Checker(HTMLParser):
    VOID = ("meta", "br", "img", "link")

    def __init__(self):
        super().__init__()
        self.open, self.links, self.attributes = [], [], {}

    def handle_starttag(self, tag, attrs):
        self.attributes.setdefault(tag, dict(attrs))
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def checked(html):
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    return checker


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", KINDS)
def test_every_mail_renders_in_every_language(template, language):
    mail = RENDERER.render(template, facts(), recipient(language))
    checker = checked(mail.html)
    assert mail.locale == language
    assert checker.attributes["html"] == {"lang": language, "dir": "ltr"}
    assert checker.links == ([LINK] if template in {"verify", "reset"} else [])
    assert (LINK in mail.text) == (template in {"verify", "reset"})
    assert "Ann" in mail.text
    assert not re.search(r"\{[a-z_]*\}|\{\{|None|Undefined", mail.subject + mail.text + mail.html.partition("<body")[2])
    assert len(mail.subject) <= 150
    assert len(mail.html.encode()) < 30_000
    assert "style=" in mail.html
    assert bool(re.search("[가-힣]", mail.subject)) == (language == "ko")


@pytest.mark.parametrize("template", KINDS)
def test_values_from_outside_make_no_link_no_markup_and_no_code(template):
    hostile = facts(
        number=EVIL,
        lines=[{"line": 1, "sku": "x", "name": EVIL, "quantity": 2, "total": 1, "quantity_canceled": 1}],
        fulfillment={"carrier": EVIL, "tracking_number": EVIL, "lines": [{"line": 1, "quantity": 1}]},
        payment={"amount": 1, "code": EVIL},
    )
    mail = RENDERER.render(template, hostile, recipient(name=EVIL))
    checker = checked(mail.html)
    assert [link for link in checker.links if link != LINK] == []
    for part in (mail.subject, mail.text, mail.html):
        assert "www.evil" not in part
        assert "https://evil" not in part
        assert "\u202e" not in part
        assert "{{ 7*7 }}" in part or "7*7" not in part
    assert "=?" not in mail.subject


def test_amounts_and_times_follow_language_currency_and_zone():
    mail = RENDERER.render("order_placed", facts(), recipient("ko"))
    assert "€44.88" in mail.text
    assert "2026년 1월 2일 12:04 (GMT+09:00)" in mail.text
    assert "₩4,488" in RENDERER.render("order_placed", facts(currency="KRW"), recipient("ko")).text
    dinars = RENDERER.render("order_placed", facts(currency="KWD"), recipient()).text
    assert "KWD4.488" in re.sub(r"[\s\u00a0]", "", dinars)


def test_an_unknown_zone_is_utc():
    mail = RENDERER.render("order_placed", facts(), recipient(timezone="No/Where"))
    assert re.search(r"January 2, 2026 at 3:04\WAM \(GMT\+00:00\)", mail.text)


def test_only_what_is_left_of_an_order_is_shown():
    lines = [
        {"line": 1, "sku": "a", "name": "Gone", "quantity": 1, "total": 100, "quantity_canceled": 1},
        {"line": 2, "sku": "b", "name": "Kept", "quantity": 3, "total": 300, "quantity_canceled": 1},
    ]
    part = RENDERER.render("order_canceled", facts(lines=lines, status="confirmed"), recipient())
    assert part.subject == "Part of order W-1001 was cancelled"
    assert "2 × Kept" in part.text
    assert "Gone" not in part.text
    whole = RENDERER.render("order_canceled", facts(lines=lines, status="canceled"), recipient())
    assert whole.subject == "Order W-1001 was cancelled"


def test_a_missing_fact_is_an_error_and_not_an_empty_place():
    with pytest.raises(UndefinedError):
        RENDERER.render("order_shipped", {"number": "W-1", "lines": []}, recipient())


def test_every_language_has_the_same_texts_with_the_same_placeholders():
    def shape(language):
        return {
            key: {name for _, name, _, _ in Formatter().parse(text) if name}
            for key, text in catalogue(language).items()
            if key != "common.moment"
        }

    assert shape("ko") == shape("en")


def test_every_text_is_used():
    folder = files("waybill_notifier") / "templates"
    sources = [
        child.read_text("utf-8")
        for part in ("mails", "html", "text")
        for child in (folder / part).iterdir()
        if child.name.endswith(".j2")
    ] + [(folder / "order_parts.j2").read_text("utf-8")]
    text = "\n".join(sources)
    computed = re.compile(
        r"\.(subject|heading|preheader)(_part)?$|^common\.(moment|greeting)|^payment_failed\.(card_declined|insuff)"
    )
    unused = [key for key in catalogue("en") if f'"{key}"' not in text and not computed.search(key)]
    assert unused == []


@pytest.mark.parametrize(
    ("locale", "language"),
    [(None, "en"), ("ko", "ko"), ("ko-KR", "ko"), ("KO_kr", "ko"), ("de-AT", "en"), ("", "en"), ("en-GB", "en")],
)
def test_the_fallback_of_languages(locale, language):
    assert language_for(locale) == language


def test_a_missing_text_is_an_error():
    with pytest.raises(MissingTextError):
        text_of("ko", "no.such")


def test_text_and_html_offer_the_same_blocks():
    html, text = (RENDERER._html.get_template(f"{shape}/blocks.j2").module for shape in ("html", "text"))
    names = [{name for name in vars(blocks) if not name.startswith("_")} for blocks in (html, text)]
    assert names[0] == names[1]

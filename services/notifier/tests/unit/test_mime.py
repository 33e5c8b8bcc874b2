"""The bytes of a mail (messaging.md §11.1–11.2), read as a server would read them."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from waybill_notifier.domain.letter import Letter, Rendered, UnsendableError, message_id_of
from waybill_notifier.domain.outside_text import tame
from waybill_notifier.gateways.addresses import address_hash, return_path, wire_address
from waybill_notifier.gateways.mime import Stationery, build_mail

pytestmark = pytest.mark.unit

DELIVERY = "dlv_0123456789abcdef0123456789abcdef"
ORDER = "ord_0123456789abcdef0123456789abcdef"
STATIONERY = Stationery("Waybill", "orders@shop.example", "help@shop.example", "shop.example")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def letter(subject="Order W-1 received", text="Hello\n", html="<p>Hello</p>\n", to="ann@example.test", **changes):
    return replace(Letter(DELIVERY, to, Rendered(subject, text, html, "en"), "orders", ORDER), **changes)


def built(*args, stationery=STATIONERY, **kwargs):
    return build_mail(letter(*args, **kwargs), stationery, lambda: NOW)


def header_lines(content):
    return content.partition(b"\r\n\r\n")[0].split(b"\r\n")


def names(content):
    return [line.partition(b":")[0].decode() for line in header_lines(content) if line[:1] not in b" \t"]


def test_every_header_stands_once_and_as_meant():
    mail = built()
    lines = [line.decode() for line in header_lines(mail.content)]
    assert [line for line in lines if not line.startswith((" boundary", "Content-Type"))] == [
        "MIME-Version: 1.0",
        "From: Waybill <orders@shop.example>",
        "To: ann@example.test",
        "Subject: Order W-1 received",
        "Date: Fri, 02 Jan 2026 03:04:05 +0000",
        f"Message-ID: {message_id_of(DELIVERY, 'shop.example')}",
        f"X-Waybill-Delivery: {DELIVERY}",
        f"In-Reply-To: <order.{ORDER}@shop.example>",
        f"References: <order.{ORDER}@shop.example>",
        "Reply-To: help@shop.example",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "List-ID: <orders.shop.example>",
        "Feedback-ID: orders:waybill",
        "Content-Language: en",
    ]


def test_a_mail_about_no_order_has_no_thread_and_no_reply_address_unless_set():
    mail = built(order_id=None, stationery=replace(STATIONERY, reply_to=None))
    assert not {"In-Reply-To", "References", "Reply-To"} & set(names(mail.content))


def test_mandatory_mail_offers_no_unsubscribing():
    assert not [name for name in names(built().content) if name.startswith("List-Unsub")]


def test_text_comes_first_and_both_are_utf8_without_8bit():
    mail = built(text="안녕하세요\n", html="<p>안녕하세요</p>\n")
    message = BytesParser(policy=policy.default).parsebytes(mail.content)
    assert message.get_content_type() == "multipart/alternative"
    parts = list(message.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    assert [part["Content-Transfer-Encoding"] for part in parts] == ["quoted-printable"] * 2
    assert [part.get_content_charset() for part in parts] == ["utf-8"] * 2
    assert [part.get_content().strip() for part in parts] == ["안녕하세요", "<p>안녕하세요</p>"]
    assert mail.content.isascii()


def test_pure_ascii_goes_as_7bit_unless_a_line_is_too_long():
    assert built().content.count(b"Content-Transfer-Encoding: 7bit") == 2
    long = built(text="x" * 999 + "\n")
    assert long.content.count(b"Content-Transfer-Encoding: quoted-printable") == 1


@pytest.mark.parametrize("text", ["x" * 5000, "ㄱ" * 5000, ".\n..\n.dot\n", "a\rb\r\nc\n", " trailing \n\t\n"])
def test_lines_end_with_crlf_and_stay_below_998(text):
    content = built(text=text).content
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", content)
    assert max(map(len, content.split(b"\r\n"))) <= 998


def test_a_long_korean_subject_is_encoded_words_of_75_at_most():
    subject = ("주문 접수가 완료되었습니다 " * 20)[:150]
    content = built(subject).content
    lines = header_lines(content)
    start = next(i for i, line in enumerate(lines) if line.startswith(b"Subject"))
    folded = [lines[start], *[line for line in lines[start + 1 :] if line.startswith(b" ")][:20]]
    words = re.findall(rb"=\?utf-8\?[bq]\?[^?]*\?=", b" ".join(folded), re.I)
    assert words
    assert max(map(len, words)) <= 75
    parsed = BytesParser(policy=policy.compat32).parsebytes(content)
    assert str(make_header(decode_header(parsed["Subject"]))) == subject


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "x" * 151,
        "a\nBcc: evil@example.test",
        "a\r\nBcc: evil@example.test",
        "a\rb",
        "a\x00b",
        "a\u2028b",
        "=?UTF-8?Q?=0A?=Bcc: evil@example.test",
        "x =?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS50ZXN0?=",
    ],
)
def test_a_subject_that_could_inject_is_refused(subject):
    with pytest.raises(UnsendableError) as caught:
        built(subject)
    assert caught.value.reason == "bad_subject"


@given(st.text(min_size=1, max_size=120))
@settings(max_examples=300, deadline=None)
def test_whatever_a_customer_is_called_the_headers_are_the_same(name):
    subject = f"Order for {tame(name)}"[:150]
    content = built(subject).content
    assert names(content) == names(built().content)
    assert content.isascii()
    parsed = BytesParser(policy=policy.compat32).parsebytes(content)
    # Folding and unfolding may change the white space between words, nothing else.
    decoded = str(make_header(decode_header(parsed["Subject"])))
    assert decoded.split() == subject.split()


@pytest.mark.parametrize(
    "to",
    [
        "ann@example.test\r\nBcc: evil@example.test",
        "ann@example.test, evil@example.test",
        "<ann@example.test>",
        '"a b"@example.test',
        "ann@@example.test",
        "ann",
        "@example.test",
        "ann@",
        "a..b@example.test",
        ".a@example.test",
        "ann@exa mple.test",
        "ann@-example.test",
        "=?UTF-8?Q?=0A?=@exa=mple.test",
        "x" * 65 + "@example.test",
    ],
)
def test_what_is_no_single_address_is_refused(to):
    with pytest.raises(UnsendableError) as caught:
        built(to=to)
    assert caught.value.reason == "bad_address"


def test_the_domain_becomes_an_a_label():
    assert str(wire_address("ann@Bücher.Example")) == "ann@xn--bcher-kva.example"
    assert b"To: ann@xn--bcher-kva.example\r\n" in built(to="ann@bücher.example").content


def test_a_local_part_outside_ascii_makes_utf8_headers():
    mail = built("주문", to="jürgen@example.test")
    assert mail.needs_smtputf8
    assert "To: jürgen@example.test\r\n".encode() in mail.content
    assert "Subject: 주문\r\n".encode() in mail.content


def test_a_foreign_display_name_is_one_mailbox():
    content = built(stationery=replace(STATIONERY, from_name='상점, "evil" <x@y.z>')).content
    message = BytesParser(policy=policy.default).parsebytes(content)
    (mailbox,) = message["From"].addresses
    assert mailbox.addr_spec == "orders@shop.example"
    assert mailbox.display_name == '상점, "evil" <x@y.z>'


def test_the_message_id_belongs_to_the_delivery():
    assert message_id_of(DELIVERY, "shop.example") == built().message_id
    assert message_id_of(DELIVERY, "shop.example") != message_id_of("dlv_2", "shop.example")
    assert len(message_id_of(DELIVERY, "x" * 36)) <= 76


def test_too_large_bodies_are_refused():
    with pytest.raises(UnsendableError):
        built(html="x" * (100 * 1024 + 1))
    with pytest.raises(UnsendableError):
        built(text="ㄱ" * (2 * 1024 * 1024))


def test_the_return_path_names_its_delivery_and_cannot_be_forged():
    path = return_path(b"key", DELIVERY, "bounce.shop.example")
    assert re.fullmatch(rf"b\+{DELIVERY}\.[0-9a-f]{{8}}@bounce\.shop\.example", path)
    assert path != return_path(b"other", DELIVERY, "bounce.shop.example")
    assert len(path.partition("@")[0]) <= 64


def test_an_address_hash_knows_the_address_in_any_case():
    assert address_hash(b"k", "Ann@Example.test") == address_hash(b"k", "ann@example.test")
    assert address_hash(b"k", "ann@example.test") != address_hash(b"k2", "ann@example.test")

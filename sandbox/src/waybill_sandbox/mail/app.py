"""The mail page's web side: the page, each mail's own document, and the API that tests and the demo read."""

from __future__ import annotations

import re
from importlib import resources
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import flask
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from waybill_sandbox.mail.store import MailStore

# A caught mail is foreign HTML: no script, nothing fetched, links open outside of the frame.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'"
)
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:"
)
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)
_ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}


def create_mail_app(store: MailStore) -> flask.Flask:
    """The WSGI application; it answers to no name that a stranger can own, so that no foreign page reads mails."""
    app = flask.Flask(__name__, static_folder=None)

    @app.before_request
    def refuse_foreign_names() -> None:
        if not _is_near(urlsplit(f"//{flask.request.host}").hostname or ""):
            flask.abort(421)

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> flask.Response:
        body = {"type": "about:blank", "title": error.name, "status": error.code, "detail": error.description}
        answer = flask.jsonify(body)
        answer.status_code, answer.mimetype = error.code or 500, "application/problem+json"
        return answer

    _add_page(app, store)
    _add_api(app, store)
    return app


def _is_near(host: str) -> bool:
    """Whether `host` is an address or a name without a dot, as `localhost` is and a Service of the same namespace."""
    try:
        ip_address(host)
    except ValueError:
        return "." not in host
    return True


def _add_page(app: flask.Flask, store: MailStore) -> None:
    @app.get("/")
    def page() -> flask.Response:
        return _asset("page.html", "text/html; charset=utf-8", _PAGE_POLICY)

    @app.get("/<any('page.css', 'page.js'):name>")
    def asset(name: str) -> flask.Response:
        return _asset(name, f"{_ASSETS[name]}; charset=utf-8", _PAGE_POLICY)

    @app.get("/messages/<message_id>/html")
    def document(message_id: str) -> flask.Response:
        message = _find(store, message_id)
        html = message["html"] or f"<pre>{escape(message['text'])}</pre>"
        return _answer(_outwards(html), "text/html; charset=utf-8", _MAIL_POLICY)


def _add_api(app: flask.Flask, store: MailStore) -> None:
    @app.get("/api/messages")
    def messages() -> flask.Response:
        return flask.jsonify(list(store.messages(flask.request.args.get("to"))))

    @app.get("/api/messages/<message_id>")
    def message(message_id: str) -> flask.Response:
        return flask.jsonify(_find(store, message_id))

    @app.get("/api/summaries")
    def summaries() -> flask.Response:
        newest_first = reversed(store.summaries()[-200:])
        names = ("id", "to", "sender", "subject", "received_at")
        return flask.jsonify([{name: getattr(one, name) for name in names} for one in newest_first])

    @app.delete("/api/messages")
    def clear() -> tuple[str, int]:
        store.clear()
        return "", 204


def _find(store: MailStore, message_id: str) -> dict[str, Any]:
    message = store.message(message_id)
    if message is None:
        flask.abort(404, f"no mail {message_id} is kept here")
    return message


def _outwards(html: str) -> str:
    """Let links open outside the frame; the tag goes into the head: before the doctype it would change the layout."""
    base = '<base target="_blank">'
    with_base, found = _HEAD.subn(lambda tag: tag.group() + base, html, count=1)
    return with_base if found else base + html


def _asset(name: str, mimetype: str, policy: str) -> flask.Response:
    return _answer((resources.files(__package__) / name).read_text(encoding="utf-8"), mimetype, policy)


def _answer(text: str, mimetype: str, policy: str) -> flask.Response:
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return flask.Response(text, content_type=mimetype, headers=headers)

"""Auth's own small pages, which make the links in mails work without a front end."""

import base64
import hashlib
import re
from importlib import resources

from flask import Response
from waybill_common.http import PUBLIC, GuardedBlueprint

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


def pages_blueprint() -> GuardedBlueprint:
    """Return `/verify` and `/reset`.

    The token stands in the fragment, which no server and no Referer ever sees, and only the form's POST spends it: a
    link scanner's GET does nothing.
    """
    routes = GuardedBlueprint("pages", __name__, access=PUBLIC)
    verify, reset = _page("verify"), _page("reset")

    @routes.get("/verify")
    def show_verify() -> Response:
        """Return the page on which a mailed verification link ends."""
        return _answer(verify)

    @routes.get("/reset")
    def show_reset() -> Response:
        """Return the page on which a mailed reset link ends."""
        return _answer(reset)

    return routes


def _page(name: str) -> tuple[bytes, str]:
    """Return a page and the policy that allows exactly its own script and style, by their hashes."""
    folder = resources.files("waybill_auth.views") / "pages"
    style, script = ((folder / file).read_text(encoding="utf-8") for file in ("page.css", "page.js"))
    html = (folder / f"{name}.html").read_text(encoding="utf-8")
    html = html.replace("/*style*/", style).replace("/*script*/", script)
    hashes = {"script": "", "style": ""}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind] += f" 'sha256-{digest}'"
    policy = (
        f"default-src 'none'; script-src{hashes['script']}; style-src{hashes['style']}; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return html.encode(), policy


def _answer(page: tuple[bytes, str]) -> Response:
    html, policy = page
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = policy
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response

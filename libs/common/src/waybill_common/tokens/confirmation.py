"""A second look at a token before a risky write, when the revocation feed is too old to be trusted with it."""

import base64
import hashlib
import threading
import time
from collections import OrderedDict
from urllib.parse import quote

from pydantic import SecretStr

from waybill_common.sessions import Connector, OutgoingCall, PeerUnavailableError, read_object
from waybill_common.tokens.errors import InvalidTokenError
from waybill_common.tokens.revocation_view import RevocationView

_STALE_SECONDS = 60.0
_REMEMBER_SECONDS = 5.0
_REMEMBER_MOST = 1_000


class TokenConfirmation:
    """Asks the issuer (RFC 7662) whether a token is still active, but only while the feed is older than a minute.

    The feed normally tells of a revocation within two seconds; when it is silent, a write that moves money must not
    rely on it. An answer is remembered for five seconds.
    """

    def __init__(self, view: RevocationView, issuer: Connector, client_id: str, client_secret: SecretStr) -> None:
        self._view = view
        self._issuer = issuer
        pair = f"{quote(client_id, safe='')}:{quote(client_secret.get_secret_value(), safe='')}"
        self._headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        self._lock = threading.Lock()
        self._active_until: OrderedDict[bytes, float] = OrderedDict()

    def __call__(self, token: str) -> None:
        """Return when the token may be used; raises InvalidTokenError, PeerError when the issuer cannot be asked."""
        age = self._view.feed_age_seconds()
        if age is not None and age <= _STALE_SECONDS:
            return
        name = hashlib.sha256(token.encode()).digest()
        with self._lock:
            if self._active_until.get(name, 0.0) > time.monotonic():
                return
        self._ask(token)
        with self._lock:
            self._active_until[name] = time.monotonic() + _REMEMBER_SECONDS
            while len(self._active_until) > _REMEMBER_MOST:
                self._active_until.popitem(last=False)

    def _ask(self, token: str) -> None:
        call = OutgoingCall(method="POST", path="/oauth/introspect", form={"token": token}, headers=self._headers)
        answer = self._issuer.send(call)
        if answer.status_code != 200:
            raise PeerUnavailableError(self._issuer.name, "introspection_refused", status=answer.status_code)
        if read_object(self._issuer.name, answer).get("active") is not True:
            raise InvalidTokenError("the issuer says that it is not active")

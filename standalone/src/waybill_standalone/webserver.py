"""waitress in a thread: one WSGI application on one or more ports of 127.0.0.1."""

from __future__ import annotations

import threading
from typing import Any

import waitress
from waitress import wasyncore


class WebServer:
    """Serves `application` until `stop`; `SERVER_PORT` is the listener's, as under gunicorn."""

    def __init__(self, name: str, application: Any, ports: list[int], threads: int) -> None:
        """Bind the ports; raises OSError when one is taken."""
        self._sockets: dict[int, Any] = {}
        self._server = waitress.create_server(
            application,
            map=self._sockets,
            listen=" ".join(f"127.0.0.1:{port}" for port in ports),
            threads=threads,
            ident=None,
            clear_untrusted_proxy_headers=False,  # the application decides, by WAYBILL_TRUSTED_PROXY_HOPS
            channel_timeout=75,
        )
        self._thread = threading.Thread(target=self._server.run, name=f"{name}-web", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being answered, then close the ports and what callers keep open between two requests."""
        self._server.task_dispatcher.shutdown()
        trigger = next(one for one in self._sockets.values() if hasattr(one, "pull_trigger"))
        trigger.pull_trigger(lambda: wasyncore.close_all(self._sockets, ignore_all=True))  # in the loop's own thread
        self._thread.join(10)

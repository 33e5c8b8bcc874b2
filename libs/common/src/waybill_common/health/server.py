"""The internal port of a relay, consumer or worker: one small HTTP thread."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from waybill_common.health.checks import HealthChecks


class AdminServer:
    """Serves the health checks and metrics of a process that has no web port of its own."""

    def __init__(self, checks: HealthChecks, host: str = "127.0.0.1", port: int = 0) -> None:
        """Bind the port, 0 for a free one; raises OSError when it is taken."""
        self._server = ThreadingHTTPServer((host, port), _handler(checks))
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]

    def start(self) -> None:
        """Answer from a background thread."""
        threading.Thread(target=self._server.serve_forever, name="admin", daemon=True).start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()


def _handler(checks: HealthChecks) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET with what the checks say."""

        timeout = 10

        def do_GET(self) -> None:
            """Answer one probe or scrape."""
            reply = checks.reply(self.path.partition("?")[0])
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            """Stay quiet: probes are no news."""

    return Handler

"""A real HTTP server that answers as auth's internal routes do."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class AuthServer:
    """`contacts` and `mail_requests` by id; `status` replaces every answer but the token's; `requests`: paths."""

    def __init__(self):
        self.contacts = {}
        self.mail_requests = {}
        self.revocations = []
        self.status = None
        self.requests = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path):
        self.requests.append(path)
        if self.status is not None:
            return self.status, {}
        parts = path.partition("?")[0].split("/")
        if path.startswith("/internal/users/"):
            return self._found(self.contacts, parts[3])
        if path.startswith("/internal/mail-requests/"):
            return self._found(self.mail_requests, parts[3])
        return 200, {"data": self.revocations}

    def _found(self, rows, key):
        row = rows.get(key)
        if isinstance(row, int):
            return row, {}
        return (404, {}) if row is None else (200, row)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def _handler(auth):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 5

        def do_GET(self):
            authorized = self.headers.get("Authorization") == "Bearer a-service-token"
            self._reply(*(auth.answer(self.path) if authorized else (401, {})))

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self._reply(200, {"access_token": "a-service-token", "token_type": "Bearer", "expires_in": 600})

        def _reply(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    return Handler

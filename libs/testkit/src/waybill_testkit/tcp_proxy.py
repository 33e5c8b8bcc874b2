"""A TCP proxy in front of one server, so that a test can break the network: resets, and lines that fall silent."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class TcpProxy:
    """Forwards to `host:port` from a port of its own; a fault hits the lines that are open, later ones are sound."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._lines: list[tuple[socket.socket, socket.socket, threading.Event]] = []
        threading.Thread(target=self._accept, name="tcp-proxy", daemon=True).start()

    def reset(self) -> int:
        """Answer both ends of every open line with RST, and return how many lines that were."""
        lines = self._take()
        for *ends, is_silent in lines:
            is_silent.set()
            for end in ends:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    end.shutdown(socket.SHUT_RD)  # wakes the thread that reads, which closes
        return len(lines)

    def black_hole(self) -> int:
        """Swallow what either end of every open line says from now on, and return how many lines that were."""
        lines = self._take()
        for *_, is_silent in lines:
            is_silent.set()
        return len(lines)

    def close(self) -> None:
        """Stop accepting and end every open line."""
        self._listener.close()
        self.reset()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _take(self) -> list[tuple[socket.socket, socket.socket, threading.Event]]:
        with self._lock:
            lines, self._lines = self._lines, []
        return lines

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection(self._target, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            is_silent = threading.Event()
            with self._lock:
                self._lines.append((client, server, is_silent))
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, sink, is_silent), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, is_silent: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65_536):
            if not is_silent.is_set():
                sink.sendall(chunk)
    with contextlib.suppress(OSError):
        if not is_silent.is_set():
            sink.shutdown(socket.SHUT_WR)
    source.close()

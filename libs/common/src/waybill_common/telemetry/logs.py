"""Structured logs: one JSON object a line on standard error, with ids and without secrets."""

import logging
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import orjson
import structlog

from waybill_common.clock import rfc3339, utc_now
from waybill_common.telemetry.context import merge_context

_SECRET_WORDS = ("password", "secret", "token", "authorization", "cookie", "pepper", "private")
_QUIET_LIBRARIES = ("pika", "urllib3", "werkzeug", "alembic.runtime", "waitress", "mail.log")
_LEVELS = logging.getLevelNamesMapping()
_LOOK_SECONDS = 2.0
_LEVEL_NAMES = {"warn": "warning", "exception": "error"}
_LEVEL_OF_METHOD = {"exception": logging.ERROR} | {name.lower(): number for name, number in _LEVELS.items()}


def configure_logging(service: str, level: str = "INFO", stream: TextIO | None = None, *, level_file: str = "") -> None:
    """Send every log line, the libraries' too, to standard error (or the stream) as JSON.

    What stands in `level_file` replaces the level while the process runs. Our own lines do not pass through the
    standard library's records, which would cost half of a line's time. Raises ValueError for an unknown level.
    """
    target = stream or sys.stderr
    lines = _Lines(service, target, _LevelFile(level_file, level) if level_file else None)
    structlog.configure(
        processors=[lines.finish],
        logger_factory=lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, lines.finish_foreign],
        )
    )
    logging.getLogger().handlers[:] = [handler]
    _configured[:] = [lines]
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    set_log_level(level)


def set_log_level(level: str) -> None:
    """Change the level of the running process; raises ValueError for an unknown one."""
    logging.getLogger().setLevel(level.upper())


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return the logger of a module; call it with an event name and keyword values, never with a formatted sentence."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger


class _LevelFile:
    """Keeps the level as a file says, looking at most every two seconds, when something is said.

    So there is no thread to lose in a fork, and no signal: gunicorn has taken both of the user's. A mounted ConfigMap
    reaches all pods of a service at once, and editing it needs no port and no restart.
    """

    def __init__(self, path: str, level: str) -> None:
        self._path = Path(path)
        self._last = level
        self._next_look = 0.0

    def look(self) -> None:
        """Look at the file when it is time to."""
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_SECONDS
            self._take()

    def _take(self) -> None:
        """Take the level from the file; one that cannot be read or understood changes nothing and is said once."""
        log = get_logger(__name__)
        try:
            found = self._path.read_text(encoding="utf-8").strip()
            if found != self._last:
                set_log_level(found)
                log.info("log_level_set", level=found)
        except (OSError, ValueError) as error:
            found = repr(error)
            if found != self._last:
                log.warning("log_level_unreadable", file=str(self._path), error=str(error))
        self._last = found


class _Lines:
    """Turns events into lines and writes each in one call, so that lines of several threads do not mix.

    One processor does it all: a chain of structlog's takes a third of a line's time.
    """

    def __init__(self, service: str, target: TextIO, level_file: _LevelFile | None) -> None:
        self._service = service
        self._target = target
        self._buffer: BinaryIO | None = getattr(target, "buffer", None)
        self._level_file = level_file
        self._root = logging.getLogger()

    def finish(self, _logger: Any, method: str, event: structlog.typing.EventDict) -> bytes:
        """Return the line of an event of ours; raises structlog.DropEvent below the level in force."""
        if not self.takes(_LEVEL_OF_METHOD.get(method, logging.INFO)):
            raise structlog.DropEvent
        return self.line(method, event)

    def finish_foreign(self, _logger: Any, method: str, event: structlog.typing.EventDict) -> str:
        """Return the line of a library's record, which the standard library has let pass by its level."""
        return self.line(method, event).decode()

    def takes(self, level: int) -> bool:
        """Tell whether lines of this level are written now."""
        if self._level_file is not None:
            self._level_file.look()
        return level >= self._root.level

    def line(self, method: str, event: structlog.typing.EventDict) -> bytes:
        """Return an event as JSON with the ids in hand, level, time and service, and without secrets."""
        line = merge_context(None, method, event)
        line["level"] = _LEVEL_NAMES.get(method, method)
        line["time"] = rfc3339(utc_now())
        line["service"] = self._service
        for name in line:
            if _is_secret(name):
                line[name] = "[redacted]"
        if "exc_info" in line:
            line = structlog.processors.format_exc_info(None, method, line)
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS)

    def msg(self, line: bytes) -> None:
        """Write one line."""
        if self._buffer is not None:
            self._buffer.write(line + b"\n")
            self._buffer.flush()
        else:
            self._target.write(line.decode() + "\n")
            self._target.flush()

    debug = info = warning = error = critical = exception = log = fatal = msg


_configured: list[_Lines] = []


def log_request(**values: Any) -> None:
    """Write the access line, without the logger between: every request has one. Nothing before logs are configured."""
    if _configured and _configured[0].takes(logging.INFO):
        _configured[0].msg(_configured[0].line("info", {"event": "request", "module": "waybill.access", **values}))


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)

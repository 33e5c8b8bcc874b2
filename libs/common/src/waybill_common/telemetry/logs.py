"""Structured logs: one JSON object a line on standard error, with ids and without secrets."""

import logging
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

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
    shared: list[structlog.typing.Processor] = [merge_context, _complete(service)]
    structlog.configure(
        processors=[*([_LevelFile(level_file, level)] if level_file else []), _drop_below_level, *shared, *_render()],
        logger_factory=_line_logger(target),
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_render()],
        )
    )
    logging.getLogger().handlers[:] = [handler]
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

    def __call__(self, _logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_SECONDS
            self._look()
        return event

    def _look(self) -> None:
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


class _LineLogger:
    """Writes a finished line in one call, so that lines of several threads do not mix."""

    def __init__(self, target: TextIO) -> None:
        self._target = target

    def msg(self, line: str) -> None:
        """Write one line."""
        self._target.write(line + "\n")
        self._target.flush()

    debug = info = warning = error = critical = exception = log = fatal = msg


def _line_logger(target: TextIO) -> Callable[..., _LineLogger]:
    return lambda *_: _LineLogger(target)


def _render() -> list[structlog.typing.Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=_serialize)]


def _serialize(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _drop_below_level(_logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if _LEVEL_OF_METHOD.get(method, logging.INFO) < logging.getLogger().level:
        raise structlog.DropEvent
    return event


def _complete(service: str) -> structlog.typing.Processor:
    """Return the processor that adds level, time and service and blackens secrets; one, because each call shows."""

    def complete(_logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["level"] = _LEVEL_NAMES.get(method, method)
        event["time"] = rfc3339(utc_now())
        event["service"] = service
        for name in event:
            if _is_secret(name):
                event[name] = "[redacted]"
        return event

    return complete


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRET_WORDS)

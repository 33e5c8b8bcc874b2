"""Structured logs: one JSON object a line on standard error, with ids and without secrets."""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog

_SECRET_WORDS = ("password", "secret", "token", "authorization", "cookie", "pepper", "private")
_QUIET_LIBRARIES = ("pika", "urllib3", "werkzeug", "alembic.runtime", "waitress", "mail.log")


def configure_logging(service: str, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send every log line, the libraries' too, to standard error (or the stream) as JSON.

    Raises ValueError for an unknown level.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _name_service(service),
        _redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_serialize),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_OneJsonLine(shared))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name in _QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    set_log_level(level)


def set_log_level(level: str) -> None:
    """Change the level of the running process; raises ValueError for an unknown one."""
    logging.getLogger().setLevel(level.upper())


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module; call it with an event name and keyword values, never with a formatted sentence."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


class _OneJsonLine(logging.Formatter):
    """Passes our own lines through and turns a library's record into the same shape."""

    def __init__(self, shared: list[structlog.typing.Processor]) -> None:
        super().__init__()
        self._foreign = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(serializer=_serialize),
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if message.startswith('{"') and not record.exc_info:
            return message
        return self._foreign.format(record)


def _serialize(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _name_service(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["service"] = service
        return event

    return add


def _redact(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    for name in event:
        if any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "[redacted]"
    return event

"""What the unit tests share."""

import io
import json
import logging

import pytest
import structlog
from waybill_common.telemetry import configure_logging


@pytest.fixture
def logged():
    """Configure logs; what is yielded returns the lines written so far."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    stream = io.StringIO()
    configure_logging("demo", "INFO", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)
    structlog.reset_defaults()

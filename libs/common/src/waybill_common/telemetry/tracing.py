"""Switches tracing on and off in a process; where no collector is named, OpenTelemetry is not even imported."""

from __future__ import annotations

import socket
from importlib.metadata import version
from typing import TYPE_CHECKING

from waybill_common.telemetry.spans import Slot

if TYPE_CHECKING:
    from waybill_common.settings import ServiceSettings


def start_tracing(settings: ServiceSettings, process: str, *, name: str = "") -> None:
    """Send spans to the collector of `WAYBILL_TRACES_ENDPOINT`; where it is empty, or this was called before, nothing.

    Call it after the fork. `name` stands in place of the service's, where several services share a process.
    """
    if not settings.traces_endpoint or Slot.recorder is not None:
        return
    from waybill_common.telemetry.otlp import OtlpRecorder

    resource = {
        "service.name": name or settings.service,
        "service.namespace": "waybill",
        "service.version": version(f"waybill-{settings.service}"),
        "host.name": socket.gethostname(),  # in a cluster the pod's
        "waybill.process": process,
    }
    Slot.recorder = OtlpRecorder(settings.traces_endpoint, settings.traces_sampling, resource)


def stop_tracing() -> None:
    """Send what waits, for three seconds at most, and record nothing more."""
    recorder, Slot.recorder = Slot.recorder, None
    if recorder is not None:
        recorder.close()

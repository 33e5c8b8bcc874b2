"""Fits ports and adapters together; the only place that knows both, and nobody below imports it."""

from waybill_auth.bootstrap.background import Commands, WorkerParts, build_worker
from waybill_auth.bootstrap.web import Dependencies, build_web

__all__ = ["Commands", "Dependencies", "WorkerParts", "build_web", "build_worker"]

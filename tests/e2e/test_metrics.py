"""Every real process exports what contracts/metrics says of it: nothing more, and nothing less from the start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from waybill_standalone.platform import Platform

pytestmark = pytest.mark.e2e

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts" / "metrics"
SERVICES = ("auth", "orders", "notifier")
# Their combinations come from what is asked, so there may be none yet.
OPEN = {"http_server_request_duration_seconds", "http_client_request_duration_seconds"}
MOST_SERIES = 2_000


def ports(platform: Platform) -> Iterator[tuple[str, str, int]]:
    """Yield service, role and internal port of every process; the standalone shows its web side alone."""
    if platform.mode == "standalone":
        for service in SERVICES:
            yield service, "web", (urlsplit(platform.urls[service]).port or 0) + 1000
        return
    for entry in platform.processes():
        if entry["service"] in SERVICES and entry["role"] in {"web", "relay", "consumer", "worker"}:
            yield entry["service"], entry["role"], entry["admin_port"]


def test_each_process_exports_its_contract(platform: Platform) -> None:
    seen = set()
    for service, role, port in ports(platform):
        seen.add((service, role))
        text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        promised = {metric["name"]: metric for metric in _contract(service) if role in metric["processes"]}
        exported, samples = set(), 0
        for family in text_string_to_metric_families(text):
            name = family.name if family.type != "counter" else f"{family.name.removesuffix('_total')}_total"
            assert name in promised, f"{service} {role}: {name} is in no contract"
            assert family.type == promised[name]["type"], f"{service} {role}: {name}"
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            assert labels in (set(), set(promised[name]["labels"])), f"{service} {role}: {name}"
            samples += len(family.samples)
            if family.samples:
                exported.add(name)
        assert set(promised) - exported <= OPEN, f"{service} {role}"
        assert samples <= MOST_SERIES, f"{service} {role}"
    assert len(seen) == (3 if platform.mode == "standalone" else 10)


def _contract(service: str) -> list[dict[str, Any]]:
    metrics: list[dict[str, Any]] = json.loads((CONTRACTS / f"{service}.json").read_text())["metrics"]
    return metrics

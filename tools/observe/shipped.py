"""The shipped rules and routing, made fit for this machine: pages that exist, and hours become seconds if need be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "charts/platform/files/rules"
ALERTMANAGER = ROOT / "charts/platform/files/alertmanager.yaml"
_RUNBOOKS = "https://runbooks.waybill.example"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WINDOW = re.compile(r"(?<=\[)(\d+)([smhd])(?=\])")


def write_rules(folder: Path, quicker: int = 1, shortest_seconds: int = 10) -> None:
    """Copy the rule files; every window and every `for` is divided by `quicker`, windows down to the shortest."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(RULES.glob("*.yaml")):
        text = file.read_text(encoding="utf-8").replace(_RUNBOOKS, f"file://{ROOT}/docs/runbooks")
        document = yaml.safe_load(text)
        for rule in [rule for group in document["groups"] for rule in group["rules"]]:
            _quicken(rule, quicker, shortest_seconds)
        (folder / file.name).write_text(yaml.safe_dump(document), encoding="utf-8")


def write_routing(path: Path, smtp_address: str = "") -> None:
    """Copy the routing; with `smtp_address` (host:port) both receivers get mails."""
    document = yaml.safe_load(ALERTMANAGER.read_text(encoding="utf-8"))
    if smtp_address:
        for receiver in document["receivers"]:
            receiver["email_configs"] = [_mail(receiver["name"], smtp_address)]
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


def _mail(receiver: str, smtp_address: str) -> dict[str, Any]:
    return {
        "to": f"{receiver}@waybill.example",
        "from": "alerts@waybill.example",
        "smarthost": smtp_address,
        "require_tls": False,
        "send_resolved": True,
    }


def _quicken(rule: dict[str, Any], quicker: int, shortest: int) -> None:
    if quicker == 1:
        return

    def window(found: re.Match[str]) -> str:
        seconds = int(found[1]) * _SECONDS[found[2]]
        return f"{max(shortest, seconds // quicker)}s"

    rule["expr"] = _WINDOW.sub(window, rule["expr"])
    if "for" in rule:
        amount, unit = re.fullmatch(r"(\d+)([smhd])", rule["for"]).groups()  # type: ignore[union-attr]
        rule["for"] = f"{int(amount) * _SECONDS[unit] // quicker}s"

"""Prometheus and Alertmanager as children of this process, with everything they need in one folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import yaml
from waybill_standalone.ports import free_port
from waybill_standalone.programs import answers
from waybill_standalone.servers.child import Child, Program

from tools import ensure_prometheus
from tools.observe import shipped
from tools.observe.targets import Targets

_FAMILIES = ["queue_coarse_metrics", "queue_consumer_count"]


class WatchersError(Exception):
    """One of them did not start; the message has the end of its log."""


@dataclass(frozen=True)
class Options:
    """Ports (0: any free one), scraping, `quicker` for rules of seconds instead of hours, where mails of alerts go."""

    prometheus_port: int = 0
    alertmanager_port: int = 0
    scrape_seconds: int = 5
    quicker: int = 1
    smtp_address: str = ""


class Watchers:
    """Both programs; a context manager, to be used from the main thread."""

    def __init__(self, folder: Path, options: Options | None = None) -> None:
        """Write their configuration into `folder`; nothing runs until it is entered."""
        self._folder = folder
        self._options = options or Options()
        self._ports = {
            "prometheus": self._options.prometheus_port or free_port(),
            "alertmanager": self._options.alertmanager_port or free_port(),
        }
        self._children: list[Child] = []
        self._chosen: tuple[str, ...] = ("alertmanager", "prometheus")
        folder.mkdir(parents=True, exist_ok=True)
        self.targets = Targets(folder)
        self.targets.update([])
        shipped.write_rules(folder / "rules", self._options.quicker, 5 * self._options.scrape_seconds)
        shipped.write_routing(folder / "alertmanager.yml", self._options.smtp_address)
        (folder / "prometheus.yml").write_text(yaml.safe_dump(self._configuration()), encoding="utf-8")

    @property
    def prometheus_url(self) -> str:
        """Where Prometheus answers."""
        return f"http://127.0.0.1:{self._ports['prometheus']}"

    @property
    def alertmanager_url(self) -> str:
        """Where Alertmanager answers."""
        return f"http://127.0.0.1:{self._ports['alertmanager']}"

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an expression is now: `[{metric, value}]`; raises requests.RequestException."""
        answer = requests.get(f"{self.prometheus_url}/api/v1/query", params={"query": expression}, timeout=10)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def alerts(self, state: str = "firing") -> list[Mapping[str, str]]:
        """Return the labels of each alert of a state."""
        answer = requests.get(f"{self.prometheus_url}/api/v1/alerts", timeout=10).json()
        return [alert["labels"] for alert in answer["data"]["alerts"] if alert["state"] == state]

    def start(self) -> Self:
        """Start both, or the one that was chosen, and return when ready; raises WatchersError."""
        makers = {"alertmanager": self._alertmanager, "prometheus": self._prometheus}
        try:
            for name in self._chosen:
                self._await(Child(makers[name](), self._folder / f"{name}.log"))
        except BaseException:
            self.stop()
            raise
        return self

    def only(self, name: str) -> Self:
        """Run one of them alone."""
        self._chosen = (name,)
        return self

    def stop(self) -> None:
        """Stop what runs."""
        for child in reversed(self._children):
            child.ask_to_stop()
        for child in reversed(self._children):
            child.wait_until_stopped(child.program.stop_grace_seconds)
        self._children.clear()

    def ended(self) -> str:
        """Return the name of one that ended by itself, "" while both run."""
        return next((child.program.name for child in self._children if child.exit_code() is not None), "")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def _await(self, child: Child) -> None:
        self._children.append(child)
        deadline = time.monotonic() + 60
        while not child.program.is_ready():
            if child.exit_code() is not None or time.monotonic() > deadline:
                raise WatchersError(f"{child.program.name} did not start:\n{child.last_lines()}")
            time.sleep(0.1)

    def _alertmanager(self) -> Program:
        found = ensure_prometheus.alertmanager()
        if found is None:
            raise WatchersError("Alertmanager is not installed")
        arguments = [
            f"--config.file={self._folder}/alertmanager.yml",
            f"--storage.path={self._folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{self._ports['alertmanager']}",
            f"--web.external-url={self.alertmanager_url}",
            "--cluster.listen-address=",  # alone
        ]
        return _program("alertmanager", [found, *arguments], f"{self.alertmanager_url}/-/ready")

    def _prometheus(self) -> Program:
        found = shutil.which("prometheus")
        if found is None:
            raise WatchersError("Prometheus is not installed")
        arguments = [
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self._ports['prometheus']}",
            f"--web.external-url={self.prometheus_url}",
        ]
        return _program("prometheus", [found, *arguments], f"{self.prometheus_url}/-/ready")

    def _configuration(self) -> dict[str, Any]:
        every = f"{self._options.scrape_seconds}s"
        files = {name: [{"files": [f"{self._folder}/{name}.json"]}] for name in ("waybill", "rabbitmq")}
        return {
            "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
            "rule_files": [f"{self._folder}/rules/*.yaml"],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self._ports['alertmanager']}"]}]}]
            },
            "scrape_configs": [
                {"job_name": "waybill", "file_sd_configs": files["waybill"]},
                {"job_name": "rabbitmq", "file_sd_configs": files["rabbitmq"]},
                {
                    "job_name": "rabbitmq-queues",
                    "metrics_path": "/metrics/detailed",
                    "params": {"family": _FAMILIES},
                    "file_sd_configs": files["rabbitmq"],
                },
            ],
        }


def _program(name: str, command: list[str], ready: str) -> Program:
    return Program(name=name, role="", command=command, environment={}, is_ready=answers(ready))

"""How a service's web command becomes gunicorn, and the hooks that keep the metrics of several workers right.

gunicorn's master reads this file by its path. It imports nothing of ours, so that workers which a SIGHUP renews load
all of it anew.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from waybill_common.settings import ServiceSettings

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def run_gunicorn(settings: ServiceSettings) -> NoReturn:
    """Replace this process with gunicorn serving `waybill_<service>.wsgi:create()` on the web and the internal port.

    Each worker makes its own application, so engines, threads and sessions come into being after the fork.
    """
    environ = dict(os.environ)  # noqa: TID251 - handed on whole to the program that replaces this one
    environ.setdefault(METRICS_FOLDER, tempfile.mkdtemp(prefix=f"waybill-{settings.service}-metrics-"))
    environ["PROMETHEUS_DISABLE_CREATED_SERIES"] = "True"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        f"waybill_{settings.service}.wsgi:create()",
        f"--config=file:{__file__}",
        f"--bind={settings.web_host}:{settings.web_port}",
        f"--bind={settings.web_host}:{settings.internal_port}",
        f"--workers={settings.web_workers}",
        f"--threads={settings.web_threads}",
    ]
    # By the interpreter and not by name: the command of another installation may stand in PATH, or none.
    os.execve(sys.executable, command, environ)  # noqa: S606 - no shell: the arguments are ours


# Read by gunicorn from this file.
worker_class = "gthread"
timeout = 30
graceful_timeout = 30
keepalive = 75
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a heartbeat file, not on a slow disk
control_socket_disable = True
loglevel = "warning"


def on_starting(_server: Any) -> None:
    """Remove what an earlier life of this container left: its counters belong to processes that are gone."""
    folder = Path(os.environ[METRICS_FOLDER])  # noqa: TID251 - prometheus_client reads the same variable
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()


def post_worker_init(_worker: Any) -> None:
    """Leave the application out of garbage collections from here on."""
    from waybill_common.telemetry import collect_less

    collect_less()


def worker_exit(_server: Any, _worker: Any) -> None:
    """Send the traces that wait in the worker, for less than its graceful timeout."""
    from waybill_common.telemetry import stop_tracing

    stop_tracing()


def child_exit(_server: Any, worker: Any) -> None:
    """Drop the live gauges of a worker that ended; its counters stay in the sums."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Remove the metrics folder that this service made for itself."""
    folder = os.environ[METRICS_FOLDER]  # noqa: TID251 - as above
    if Path(folder).name.startswith("waybill-"):
        shutil.rmtree(folder, ignore_errors=True)

"""A RabbitMQ server of our own for tests and benchmarks, from the system's package, with its own port mapper."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import pika
from pika.exceptions import AMQPError

from waybill_testkit import processes
from waybill_testkit.rabbitmq_management import Management
from waybill_testkit.waiting import free_port

START_DEADLINE_SECONDS = 120.0
_BINARIES = Path("/usr/lib/rabbitmq/bin")
_PLUGINS = "[rabbitmq_management,rabbitmq_prometheus]."


class RabbitNotInstalledError(RuntimeError):
    """The system has no rabbitmq-server."""


@dataclass(frozen=True, slots=True)
class RabbitState:
    """Where a server of this run is: its folder, ports, and the pids of the broker and of its port mapper (epmd)."""

    folder: str
    port: int
    management_port: int
    prometheus_port: int
    dist_port: int
    epmd_port: int
    pid: int = 0
    epmd_pid: int = 0


class ForeignRabbit:
    """A broker that was running before us: it is used, never stopped."""

    def __init__(self, url: str, management_url: str) -> None:
        self.url = url
        self.management = Management(management_url, url)


class RabbitServer:
    """One broker on free ports of 127.0.0.1, its data in a folder of its own; user `guest`, password `guest`.

    It gets an epmd of its own on a free port, so that a foreign one is neither used nor stopped.
    """

    def __init__(self, owner_pid: int | None = None, state: RabbitState | None = None) -> None:
        """Make the folder and start, or be a handle on the server of `state`; it dies with process `owner_pid`."""
        if not (_BINARIES / "rabbitmq-server").exists():
            raise RabbitNotInstalledError("rabbitmq-server is not installed: apt-get install rabbitmq-server")
        self._owner_pid = owner_pid or os.getpid()
        # The broker runs as the package's user when we may choose; root would leave root's files behind.
        self._user = "rabbitmq" if os.geteuid() == 0 else None
        if state is not None:
            self.state = state
            return
        folder = tempfile.mkdtemp(prefix="waybill-rabbitmq-")
        self.state = RabbitState(folder, free_port(), free_port(), free_port(), free_port(), free_port())
        self._configure()
        self.start()

    @property
    def url(self) -> str:
        """`amqp://` address of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.state.port}/%2F"

    @property
    def management(self) -> Management:
        """The HTTP API: virtual hosts, connections, queues; far quicker than `ctl`."""
        return Management(f"http://127.0.0.1:{self.state.management_port}", self.url)

    def start(self) -> None:
        """Start on the same ports and data and return when it is ready; raises RuntimeError with the log."""
        epmd_pid = self.state.epmd_pid
        if not processes.is_running(epmd_pid):
            command = ["/usr/bin/epmd", "-port", str(self.state.epmd_port), "-address", "127.0.0.1"]
            epmd_pid = self._launch(command, "epmd.log")
        pid = self._launch([str(_BINARIES / "rabbitmq-server")], "server.log")
        self.state = RabbitState(**{**asdict(self.state), "pid": pid, "epmd_pid": epmd_pid})
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while not self._accepts():
            if not processes.is_running(pid) or time.monotonic() > deadline:
                log = (self._folder / "server.log").read_text()[-3000:]
                raise RuntimeError(f"RabbitMQ did not start on port {self.state.port}:\n{log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Shut down in order, as a service manager would; the data stays for `start`."""
        members = [member.pid for member in processes.family(self.state.pid)]
        processes.send(self.state.pid, signal.SIGTERM)
        processes.wait_until_gone(members)

    def kill(self) -> None:
        """SIGKILL to the broker and everything it started, as a lost machine would end it."""
        processes.kill_family(self.state.pid)

    def restart(self) -> None:
        """Stop and start again on the same ports."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Kill broker and port mapper and delete the data."""
        self.kill()
        processes.kill_family(self.state.epmd_pid)
        shutil.rmtree(self._folder, ignore_errors=True)

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` with `arguments` and return its output; raises CalledProcessError."""
        command = [str(_BINARIES / "rabbitmqctl"), "-n", self._node, "--quiet", *arguments]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=self._environment(), user=self._user, cwd="/"
        )
        return done.stdout

    @property
    def _folder(self) -> Path:
        return Path(self.state.folder)

    @property
    def _node(self) -> str:
        return f"waybill{self.state.port}@localhost"

    def _launch(self, command: list[str], log: str) -> int:
        launch = processes.Launch(command, self._folder / log, self._environment(), self._user)
        return processes.start(launch, self._owner_pid)

    def _accepts(self) -> bool:
        try:
            pika.BlockingConnection(pika.URLParameters(self.url)).close()
        except (AMQPError, OSError):
            return False
        return self.management.is_ready()

    def _configure(self) -> None:
        state, folder = self.state, self._folder
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{state.port}\n"
            f"management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {state.management_port}\n"
            f"prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {state.prometheus_port}\n"
            "disk_free_limit.absolute = 50MB\n"
            "collect_statistics_interval = 1000\n"  # a connection shows in the management API after that time
            "log.file = false\nlog.console = true\nlog.console.level = info\n"
        )
        (folder / "enabled_plugins").write_text(_PLUGINS)
        (folder / "rabbitmq-env.conf").touch()
        (folder / "data").mkdir()
        if self._user:
            entry = pwd.getpwnam(self._user)
            for path in (folder, *folder.iterdir()):
                os.chown(path, entry.pw_uid, entry.pw_gid)

    def _environment(self) -> dict[str, str]:
        state = self.state
        local = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": state.folder,  # the cookie is made there
            "ERL_EPMD_PORT": str(state.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_NODE_PORT": str(state.port),
            "RABBITMQ_DIST_PORT": str(state.dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": local,
            "RABBITMQ_MNESIA_BASE": f"{state.folder}/data",
            "RABBITMQ_LOG_BASE": f"{state.folder}/data",
            "RABBITMQ_CONFIG_FILE": f"{state.folder}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": f"{state.folder}/rabbitmq-env.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{state.folder}/enabled_plugins",
            "RABBITMQ_ALLOW_INPUT": "",
            "detached": "1",  # the script then becomes the broker instead of standing before it
        }

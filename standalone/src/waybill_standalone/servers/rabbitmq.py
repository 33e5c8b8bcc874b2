"""RabbitMQ from the system's package: says how to run a node of our own, apart from any that the system runs."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from waybill_standalone.servers.child import Program

_PLACES = ("/usr/lib/rabbitmq/bin", "/usr/local/sbin", "/opt/homebrew/sbin", "/usr/sbin")


class RabbitMissingError(Exception):
    """No RabbitMQ is installed; the message says how to get it."""


@dataclass(frozen=True)
class RabbitServer:
    """A node of our own: its folder, ports on 127.0.0.1 and the password of its user `waybill`.

    `metrics_port` answers `/metrics` (plain, and in detail per queue); `dist_port` and `names_port` are Erlang's
    (distribution, and a port mapper of our own that is stopped with us).
    """

    folder: Path
    port: int
    metrics_port: int
    dist_port: int
    names_port: int
    password: str

    def url(self) -> str:
        """`amqp://` address of the default virtual host, with the password."""
        return f"amqp://waybill:{self.password}@127.0.0.1:{self.port}/%2F"

    def programs(self) -> list[Program]:
        """Erlang's port mapper, then the node; without the first the node would leave one running behind it."""
        user = _server_user()
        environment = self._environment(user)
        names = Program(
            name="epmd",
            role="",
            command=[_find("epmd", "/usr/bin"), "-port", str(self.names_port), "-address", "127.0.0.1"],
            environment=environment,
            user=user,
            port=self.names_port,
            is_ready=lambda: _listens(self.names_port),
        )
        node = Program(
            name="rabbitmq",
            role="rabbitmq",
            command=[_find("rabbitmq-server", *_PLACES)],
            environment=environment,
            user=user,
            port=self.port,
            admin_port=self.metrics_port,
            stop_signal=signal.SIGTERM,
            stop_grace_seconds=30,
            is_ready=self.accepts,
            prepare=lambda: self._prepare(user),
        )
        return [names, node]

    def accepts(self) -> bool:
        """Whether the node takes AMQP connections and logs us in."""
        import pika
        import pika.exceptions

        parameters = pika.URLParameters(self.url())
        parameters.connection_attempts, parameters.socket_timeout, parameters.stack_timeout = 1, 2, 3
        try:
            pika.BlockingConnection(parameters).close()
        except (pika.exceptions.AMQPError, OSError):
            return False
        return True

    def _prepare(self, user: str | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {self.metrics_port}\n"
            f"default_user = waybill\ndefault_pass = {self.password}\n"
            "log.console = true\nlog.console.level = info\nlog.file = false\n"
            # A laptop's memory and disk are shared: the alarms stay far from where they would stop a demo.
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 50MB\n"
        )
        (self.folder / "enabled_plugins").write_text("[rabbitmq_prometheus].\n")
        if user:
            entry = pwd.getpwnam(user)
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, entry.pw_uid, entry.pw_gid)

    def _environment(self, user: str | None) -> Mapping[str, str]:
        home = str(self.folder)
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin",
            "HOME": home,  # the Erlang cookie lives here
            "USER": user or "",
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes Erlang, so that the pid is the node's own
            "RABBITMQ_NODENAME": "waybill@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_BASE": home,
            "RABBITMQ_HOME": "/usr/lib/rabbitmq",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_SCHEMA_DIR": f"{home}/schema",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{home}/config",
            "RABBITMQ_CONFIG_FILE": f"{home}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # the system's own settings are for the system's node
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{home}/none.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/enabled_plugins",
            "RABBITMQ_PID_FILE": f"{home}/node.pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


def _server_user() -> str | None:
    """Debian's package makes a user for the server; root would leave files that only root can remove."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("rabbitmq")
    except KeyError:
        return None
    return "rabbitmq"


def _find(name: str, *places: str) -> str:
    found = shutil.which(name, path=os.pathsep.join(places)) or shutil.which(name)
    if found is None:
        raise RabbitMissingError(
            "RabbitMQ is not installed: apt-get install rabbitmq-server (macOS: brew install rabbitmq),"
            " or name a running one by WAYBILL_AMQP_URL"
        )
    return found


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True

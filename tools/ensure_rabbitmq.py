"""Sees to it that a RabbitMQ server can be started here: finds it, installs it where it may, or says how to."""

import os
import shutil
import sys

from tools.apt_packages import install

PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin")
GIVEN = ("WAYBILL_TEST_AMQP_URL", "WAYBILL_AMQP_URL")
ELSEWHERE = "install rabbitmq-server with this machine's package manager (macOS: brew install rabbitmq)"


def main() -> int:
    """0 when a server is there or given by URL, 1 with one line on stderr otherwise."""
    if any(os.environ.get(name) for name in GIVEN) or _is_installed():  # noqa: TID251 - a tool has no config.py
        return 0
    advice = install(["rabbitmq-server"], ELSEWHERE)
    if not advice and not _is_installed():
        advice = "apt-get installed the package but no rabbitmq-server is to be found"
    if not advice:
        return 0
    print(f"error: RabbitMQ is missing: {advice}; or name a running one by WAYBILL_TEST_AMQP_URL", file=sys.stderr)
    return 1


def _is_installed() -> bool:
    return shutil.which("rabbitmq-server", path=os.pathsep.join((os.defpath, *PLACES))) is not None or bool(
        shutil.which("rabbitmq-server")
    )


if __name__ == "__main__":
    sys.exit(main())

"""Runs a service's own command where the service is: here as a subprocess, or in a pod by a prefix."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys

from waybill_cli.config import Target
from waybill_cli.failures import UnreachableError


def run_service(target: Target, service: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `<service> <arguments…>` to its end and return what it said; raises UnreachableError when it cannot start.

    The command is the service's own and not code of ours: its secrets and rules stay in its house.
    """
    if target.run_in:
        command = [*shlex.split(target.run_in.replace("{service}", service)), service, *arguments]
    else:
        command = [sys.executable, "-m", f"waybill_{service}", *arguments]
    if shutil.which(command[0]) is None:
        raise UnreachableError(f"{command[0]} is not installed (WAYBILL_CLI_RUN_IN names it)")
    done = subprocess.run(  # noqa: S603 - the operator's own prefix, and names of ours
        command, env=dict(target.environment), capture_output=True, text=True, check=False
    )
    if f"No module named waybill_{service}" in done.stderr:
        raise UnreachableError(
            f"{service} is not installed beside this command: set WAYBILL_CLI_RUN_IN to where it runs, for example "
            "'kubectl exec deploy/{service}-web --'"
        )
    return done

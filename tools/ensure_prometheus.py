"""Sees to it that Prometheus and Alertmanager can be started here: finds or installs them, or says how to."""

import shutil
import sys

from tools.apt_packages import install

PROGRAMS = ("prometheus", "promtool", "amtool")
ALERTMANAGERS = ("prometheus-alertmanager", "alertmanager")  # Debian's name, and everybody else's
ELSEWHERE = "install Prometheus and Alertmanager with this machine's package manager (macOS: brew install prometheus)"


def main() -> int:
    """0 when everything is there, 1 with one line on stderr otherwise."""
    if not missing():
        return 0
    advice = install(["prometheus", "prometheus-alertmanager"], ELSEWHERE)
    if not advice and missing():
        advice = f"apt-get installed the packages but there is no {' and no '.join(missing())}"
    if not advice:
        return 0
    print(f"error: {' and '.join(missing())} missing: {advice}", file=sys.stderr)
    return 1


def missing() -> list[str]:
    """Name the programs that are not on the PATH."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    return lacking if alertmanager() else [*lacking, "alertmanager"]


def alertmanager() -> str | None:
    """Return where Alertmanager is, whatever its package calls it."""
    return next((found for name in ALERTMANAGERS if (found := shutil.which(name))), None)


if __name__ == "__main__":
    sys.exit(main())

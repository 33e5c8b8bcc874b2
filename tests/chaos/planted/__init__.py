"""Two bugs that other platforms ship, planted into the processes of a run, so that the checker shows it finds them."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.plan import Aim

PLANTED: dict[str, Aim] = {
    "publish_before_commit": ("window", "planted.after_publish", "orders", 1),
    "ack_before_commit": ("window", "planted.after_ack", "notifier", 1),
}
"""Each bug with its own window: the death between its two steps, which a kill at random meets only now and then."""


def planted_settings(name: str) -> dict[str, str]:
    """Return the environment that makes every Python of the run import the bug at its start."""
    return {"PYTHONPATH": str(Path(__file__).parent / name)}

"""Two bugs that other platforms ship, planted into the processes of a run, so that the checker shows it finds them."""

from __future__ import annotations

from pathlib import Path

PLANTED = ("publish_before_commit", "ack_before_commit")


def planted_settings(name: str) -> dict[str, str]:
    """Return the environment that makes every Python of the run import the bug at its start."""
    return {"PYTHONPATH": str(Path(__file__).parent / name)}

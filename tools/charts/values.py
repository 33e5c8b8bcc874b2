"""Reads a chart's values.yaml together with what its comments say of each value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHARTS = Path(__file__).resolve().parents[2] / "charts"
_KEY = re.compile(r"^( *)([A-Za-z][\w-]*):")
_COMMENT = re.compile(r"^ *# -- (.+)$")
Where = tuple[str, ...]


class UndescribedError(Exception):
    """A value without a comment, by its path."""


@dataclass(frozen=True)
class Value:
    """A value with a comment of its own: where it stands, what it is by default, what it is for."""

    path: Where
    default: Any
    description: str


def described_values(chart: str) -> list[Value]:
    """Return every value of the chart in the order of its file; raises UndescribedError unless each has its comment."""
    text = (CHARTS / chart / "values.yaml").read_text(encoding="utf-8")
    return list(_walk((), yaml.safe_load(text) or {}, _comments(text)))


def _walk(path: Where, node: Any, comments: dict[Where, str]) -> Iterator[Value]:
    if path in comments:
        yield Value(path, node, comments[path])
    elif isinstance(node, dict) and node:
        for key, child in node.items():
            yield from _walk((*path, key), child, comments)
    elif path:
        raise UndescribedError(f"{'.'.join(path)} has no `# -- …` above it")


def _comments(text: str) -> dict[Where, str]:
    comments: dict[Where, str] = {}
    path: Where = ()
    said = None
    for line in text.splitlines():
        if match := _COMMENT.match(line):
            said = match[1]
        elif match := _KEY.match(line):
            path = (*path[: len(match[1]) // 2], match[2])
            if said is not None:
                comments[path] = said
            said = None
    return comments

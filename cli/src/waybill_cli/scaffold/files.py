"""The files of a new service, rendered from the templates beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from waybill_cli.scaffold.names import NewService

_SUFFIX = ".jinja"
# Python, YAML and Prometheus rules are full of braces.
_ENVIRONMENT = Environment(
    variable_start_string="<<",
    variable_end_string=">>",
    keep_trailing_newline=True,
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - code for this repository, and no HTML
)


def service_files(service: NewService) -> Iterator[tuple[Path, str]]:
    """Each file's path below the repository's root, and its text."""
    words = {"name": service.name, "title": service.title, "port": service.port}
    for path, template in _walk(resources.files("waybill_cli.scaffold") / "templates", Path()):
        target = str(path).removesuffix(_SUFFIX).replace("__name__", service.name).replace("__title__", service.title)
        yield Path(target), _ENVIRONMENT.from_string(template.read_text(encoding="utf-8")).render(words)


def _walk(folder: Traversable, path: Path) -> Iterator[tuple[Path, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _walk(entry, path / entry.name)
        else:
            yield path / entry.name, entry

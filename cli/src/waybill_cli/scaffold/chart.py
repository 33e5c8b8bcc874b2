"""The chart of a new service: that of notifier, which has the same processes, without what only notifier has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from waybill_cli.scaffold.names import NewService

_MODEL, _MODEL_PORT = "notifier", "8083"
# By file, the keys whose blocks are notifier's own; a key with its comment above and all that is indented below it.
_OWN = {
    "values.yaml": (
        "WAYBILL_NOTIFIER_SECRET_KEY",
        "WAYBILL_SMTP_URL",
        "WAYBILL_NOTIFIER_WORKER_GRACE_SECONDS",
        "smtp",
        "internet",
    ),
    "ci/dev-values.yaml": ("smtp",),
    "ci/everything-on-values.yaml": ("WAYBILL_SMTP_CA_FILE",),
    "ci/staging-values.yaml": ("WAYBILL_NOTIFIER_MAIL_FROM_ADDRESS",),
}
_REPLACED = (
    ("paths:\n  - /v1/notifications\n  - /v1/deliveries\n  - /u\n", "paths:\n  - /v1/{name}\n"),
    ("worker: [database, auth, smtp, internet]", "worker: [database, auth]"),
    ("holds: /v1/notifications}", "holds: /v1/{name}/items}}"),
    ("request: GET /v1/notifications, ", "request: GET /v1/{name}/items/none, "),
    ("Mails and notifications of Waybill", "The {name} service of Waybill"),
    ("terminationGracePeriodSeconds: 400", "terminationGracePeriodSeconds: 45"),
)


def chart_files(root: Path, service: NewService) -> Iterator[tuple[Path, str]]:
    """Each file's path below the repository's root, and its text."""
    model = root / "charts" / _MODEL
    for path in sorted(model.rglob("*")):
        place = path.relative_to(model)
        if path.is_file() and place.parts[0] != "charts" and path.name != "Chart.lock":
            yield Path("charts", service.name, place), _text(path.read_text(encoding="utf-8"), str(place), service)


def _text(text: str, place: str, service: NewService) -> str:
    for key in _OWN.get(place, ()):
        text = without(text, key)
    for old, new in _REPLACED:
        text = text.replace(old, new.format(name=service.name))
    text = text.replace(_MODEL_PORT, str(service.port)).replace(_MODEL, service.name)
    return text.replace(_MODEL.upper(), service.name.upper())


def without(text: str, key: str) -> str:
    """YAML without the block of `key`: the comment above it, its line, and what is indented deeper below.

    Raises ValueError when there is none: the model has changed, and this module must follow.
    """
    lines = text.splitlines(keepends=True)
    found = [number for number, line in enumerate(lines) if line.lstrip(" ").startswith(f"{key}:")]
    if not found:
        raise ValueError(f"{key} is not in the model any more")
    start, end, indent = found[0], found[0] + 1, _indent(lines[found[0]])
    while end < len(lines) and lines[end].strip() and _indent(lines[end]) > indent:
        end += 1
    while start > 0 and lines[start - 1].lstrip().startswith("#") and _indent(lines[start - 1]) == indent:
        start -= 1
    return "".join(lines[:start] + lines[end:])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))

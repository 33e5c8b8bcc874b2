"""The lines that a new service needs in files that all services share (docs/how-to/add-a-service.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from waybill_cli.scaffold.names import NewService

Change = Callable[[str, NewService], str]


class AnchorError(Exception):
    """A shared file is not as it was when this module was written; the message names the place."""


def twin(*models: str) -> Change:
    """Repeat every line that holds one of the models (and no other service) for the new service, below it."""

    def change(text: str, service: NewService) -> str:
        lines: list[str] = []
        for line in text.splitlines(keepends=True):
            lines.append(line)
            for model in models:
                if model in line:
                    lines.append(line.replace("notifier", service.name))
                    break
        return "".join(lines)

    return change


def after(anchor: str, addition: str) -> Change:
    """Put `addition` behind the first `anchor`; `{name}`, `{title}`, `{NAME}` and `{port}` are filled in."""
    return instead(anchor, anchor + addition)


def instead(anchor: str, replacement: str) -> Change:
    """Put `replacement` in the place of the first `anchor`."""

    def change(text: str, service: NewService) -> str:
        words = {"name": service.name, "title": service.title, "NAME": service.name.upper(), "port": str(service.port)}
        filled = re.sub(r"<(name|title|NAME|port)>", lambda found: words[found[1]], replacement)
        return text.replace(anchor, filled, 1)

    return change


@dataclass(frozen=True)
class Edit:
    """One change of one file; it must change something."""

    path: str
    change: Change


_SERVICES = '"auth", "orders", "notifier"'
_MORE = f'{_SERVICES}, "<name>"'

EDITS = (
    # The workspace, its installer, its lock, its images.
    Edit("pyproject.toml", twin('    "waybill-notifier",', "waybill-notifier = {")),
    Edit("pyproject.toml", after("services/notifier/src:", "services/<name>/src:")),
    Edit("tools/setup.py", twin('    "services/notifier",')),
    Edit("tools/lock", instead(" orders notifier sandbox", " orders notifier <name> sandbox")),
    Edit("tools/lock", after(" services/notifier", " services/<name>")),
    Edit("Dockerfile", after('ENTRYPOINT ["notifier"]\n', '\nFROM runtime AS <name>\nENTRYPOINT ["<name>"]\n')),
    Edit("tools/build-image.sh", instead("  auth | orders | notifier)", "  auth | orders | notifier | <name>)")),
    # The rules of the architecture: each contract names each service.
    Edit(".importlinter", twin("    waybill_notifier\n", "    waybill_notifier.")),
    Edit("tests/architecture/test_house_rules.py", instead(_SERVICES, _MORE)),
    Edit("tests/architecture/test_docs.py", after('"services/notifier", ', '"services/<name>", ')),
    Edit(
        "tests/architecture/test_openapi.py",
        after(
            '    POST /u/{}                                  public\n    """,\n',
            '    "<name>": DEAD_LETTERS\n    + """\n    POST /v1/<name>/items  person *\n'
            '    GET /v1/<name>/items/{}  person\n    """,\n',
        ),
    ),
    # What is written from the code.
    Edit(
        "tools/write_openapi.py", instead('("auth", "notifier", "orders")', '("auth", "notifier", "orders", "<name>")')
    ),
    Edit("tools/write_openapi.py", after('    "orders": {},\n', '    "<name>": {},\n')),
    Edit("tools/write_settings.py", instead(_SERVICES, _MORE)),
    Edit("tools/charts/write_schemas.py", instead(_SERVICES, _MORE)),
    Edit("tools/write_metrics.py", instead(_SERVICES, _MORE)),
    Edit(
        "tools/write_metrics.py",
        instead(
            "    else:\n        from waybill_notifier",
            '    elif service == "<name>":\n'
            "        from waybill_<name> import worker as <name>\n\n"
            "        with <name>.consumer_loop(settings) as consumer, <name>.worker_loop(settings) as work:\n"
            '            yield {**web, "consumer": consumer.registry, "worker": work.registry}\n'
            "    else:\n        from waybill_notifier",
        ),
    ),
    Edit("tools/dashboards/overview.py", instead("auth|orders|notifier", "auth|orders|notifier|<name>")),
    Edit(
        "tests/observability/cases_messaging.py",
        instead(
            '    Case(\n        "OrdersNoConsumers",',
            '    Case(\n        "<title>NoConsumers",\n        queue("<name>.events.v1", "1x30"),\n        "11m",\n'
            '        [({"queue": "<name>.events.v1"}, "1 messages wait in <name>.events.v1 and nobody consumes.")],\n'
            '    ),\n    Case("<title>NoConsumers", queue("<name>.events.v1", "1x8 0 1x30"), "11m"),\n'
            '    Case(\n        "OrdersNoConsumers",',
        ),
    ),
    Edit(
        "docs/runbooks/README.md",
        after(" · [OrdersNoConsumers](OrdersNoConsumers.md)", " · [<title>NoConsumers](<title>NoConsumers.md)"),
    ),
    # Its queue, its tokens, and its place on one machine.
    Edit(
        "libs/common/src/waybill_common/messaging/topology.py",
        after(
            '        "orders.events.v1": ("auth.user.#", "auth.session.#"),\n',
            '        "<name>.events.v1": ("auth.user.#", "auth.session.#"),\n',
        ),
    ),
    Edit("services/auth/src/waybill_auth/domain/access_tokens.py", instead(_SERVICES, _MORE)),
    Edit("standalone/pyproject.toml", twin('    "waybill-notifier",', "waybill-notifier = {")),
    Edit("standalone/src/waybill_standalone/config.py", instead(_SERVICES, _MORE)),
    Edit("standalone/src/waybill_standalone/config.py", after('"notifier": 8083, ', '"<name>": <port>, ')),
    Edit("standalone/src/waybill_standalone/ground.py", instead(_SERVICES, _MORE)),
    Edit("standalone/src/waybill_standalone/notice.py", twin('            "notifier": "notifier",')),
    Edit("standalone/src/waybill_standalone/notice.py", instead(_SERVICES, _MORE)),
    Edit(
        "standalone/src/waybill_standalone/platform.py",
        instead('"AUTH", "ORDERS", "NOTIFIER"', '"AUTH", "ORDERS", "NOTIFIER", "<NAME>"'),
    ),
    Edit(
        "standalone/src/waybill_standalone/programs.py",
        after('    "notifier": ("consumer", "worker"),\n', '    "<name>": ("consumer", "worker"),\n'),
    ),
    Edit(
        "standalone/src/waybill_standalone/wiring.py",
        after('"auth:mail", "auth:revocations"),\n', '    "<name>": ("auth:revocations",),\n'),
    ),
    Edit("cli/src/waybill_cli/config.py", instead(_SERVICES, _MORE)),
    Edit("cli/src/waybill_cli/config.py", after(':8083",\n', '    "<name>": "http://127.0.0.1:<port>",\n')),
    Edit(
        "README.md",
        after(
            "| notifier: mails and the ledger of them | http://127.0.0.1:8083 | 9083 |\n",
            "| <name>: items | http://127.0.0.1:<port> | – |\n",
        ),
    ),
)


def changed_files(root: Path, service: NewService) -> Iterator[tuple[Path, str]]:
    """Each shared file with its new text; raises AnchorError before any is written when one place is gone."""
    texts: dict[str, str] = {}
    for edit in EDITS:
        text = texts.get(edit.path) or (root / edit.path).read_text(encoding="utf-8")
        texts[edit.path] = edit.change(text, service)
        if texts[edit.path] == text:
            raise AnchorError(f"{edit.path} has changed: the place for the new service's line is gone")
    for path, text in texts.items():
        yield Path(path), text

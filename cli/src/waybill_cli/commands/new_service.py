"""`waybill new-service NAME`: a new service in a clone of this repository, with all that `make check` asks for."""

from __future__ import annotations

from pathlib import Path

import click

from waybill_cli.application import Application, json_option, pass_application
from waybill_cli.failures import RefusedError
from waybill_cli.progress import steps

# What is written from the code, in the order in which one needs the other.
_GENERATORS = (
    ("tools/write_openapi.py",),
    ("-m", "tools.write_metrics"),
    ("tools/write_settings.py",),
    ("-m", "tools.charts.write_schemas"),
    ("-m", "tools.charts.write_readmes"),
    ("-m", "tools.write_dashboards"),
    ("tools/write_layout.py",),
)
_NEXT = (
    "make setup, make check: green as it is",
    "make lock: requirements/{name}.txt for its image",
    "k8s/<environment>: its database, and where it may go; skaffold.yaml: its module",
    "CHANGELOG.md, docs/architecture.md: why it exists",
    "then replace items by what it is for",
)


@click.command("new-service")
@click.argument("name")
@click.option("--port", type=click.IntRange(1024, 64_535), help="Web port; the next free one when not given.")
@click.option("--root", type=click.Path(file_okay=False, path_type=Path), default=".", help="The clone.")
@json_option
@pass_application
def new_service(application: Application, name: str, port: int | None, root: Path) -> None:
    """Write the service NAME: code, chart, contract, settings, dashboard, alert, runbook and tests.

    It keeps items of customers until you make it keep something else, and `make check` is green at once.
    """
    from waybill_cli.scaffold.chart import chart_files
    from waybill_cli.scaffold.clone import clone_of
    from waybill_cli.scaffold.files import service_files
    from waybill_cli.scaffold.names import name_service
    from waybill_cli.scaffold.shared_files import AnchorError, changed_files

    service = name_service(root, name, port)
    try:
        files = [*service_files(service), *chart_files(root, service), *changed_files(root, service)]
    except (AnchorError, ValueError) as error:
        raise RefusedError(f"{error}; nothing was written") from error
    for path, text in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    written = [str(path) for path, _ in files]
    with clone_of(root, name) as clone:
        python = [path for path in written if path.endswith(".py")]
        clone.run("-m", "ruff", "check", "--quiet", "--fix", "--select", "I,RUF022", *python)
        clone.run("-m", "ruff", "format", "--quiet", *python)
        for arguments in steps(_GENERATORS, "writing what comes from the code"):
            clone.run(*arguments)
    if not application.output.as_json:
        application.output.line(f"{name} listens on port {service.port}; {len(written)} files written", "bold")
        for step in _NEXT:
            application.output.line(f"  - {step.format(name=name)}")
    application.finish(service={"name": name, "port": service.port, "files": written})

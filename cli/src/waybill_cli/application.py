"""What every command works with: the platform it looks at, its sources, and where the answer goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import click

from waybill_cli.config import Target
from waybill_cli.failures import FOUND, OK
from waybill_cli.output import Finding, Output
from waybill_cli.sources.api import Api
from waybill_cli.sources.databases import Databases
from waybill_cli.sources.queues import QueueState, look_at_queues


class Application:
    """The platform is found and its sources are opened at first use; `close` ends what was opened."""

    def __init__(self, find_target: Callable[[], Target], output: Output) -> None:
        self._find_target = find_target
        self.output = output

    @cached_property
    def target(self) -> Target:
        """The platform to look at; raises UnreachableError when none is named."""
        return self._find_target()

    @cached_property
    def api(self) -> Api:
        """The services' HTTP API, as the member of staff."""
        return Api(self.target)

    @cached_property
    def databases(self) -> Databases:
        """The services' databases, read only."""
        return Databases(self.target)

    def queues(self) -> list[QueueState]:
        """The broker's queues as they are now."""
        return look_at_queues(self.target.amqp_url)

    def finish(self, findings: Sequence[Finding] = (), **answer: Any) -> None:
        """Write the findings, or the whole answer as JSON, and end with the status that they mean."""
        if self.output.as_json:
            self.output.document({**answer, "findings": [asdict(finding) for finding in findings]})
        else:
            self.output.findings(findings)
        raise click.exceptions.Exit(FOUND if any(finding.is_open for finding in findings) else OK)

    def close(self) -> None:
        """Sign out and close connections."""
        for name in ("api", "databases"):
            if name in self.__dict__:
                getattr(self, name).close()


def _answer_in_json(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Application).output.as_json = True


pass_application = click.make_pass_decorator(Application)
json_option = click.option(
    "--json", is_flag=True, expose_value=False, callback=_answer_in_json, help="Answer in JSON, for machines."
)

"""The script language of the SMTP catcher: what it answers, phase by phase, once or for ever."""

import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

PHASES = ("connect", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "rset")

_STEP = re.compile(
    r"""\A(?:(?P<phase>[a-z]+)-)?
        (?:(?P<verb>ok|cut|drop|hang)|slow(?P<seconds>\d+(?:\.\d+)?)
          |(?P<code>[2-5]\d\d)(?:\.(?P<enhanced>[245]\.\d{1,3}\.\d{1,3}))?)
        (?:x(?P<times>\d+))?\Z""",
    re.VERBOSE,
)


class ScriptError(ValueError):
    """A script that is not one; says what is."""


@dataclass(frozen=True)
class Step:
    """One scripted answer.

    `verb`: "ok" (as without a script), "reply" (`line` is sent instead), "slow" (`seconds`, then as without a script),
    "cut" (the connection ends; at `dot` the mail was accepted), "drop" (it ends; at `dot` the mail was not accepted),
    "hang" (silence until the peer leaves; at `dot` the mail was accepted).
    """

    verb: str
    line: str = ""
    seconds: float = 0.0


OK = Step("ok")


@dataclass
class _Planned:
    step: Step
    times: float


def reply(line: str) -> Step:
    """Answer with this line, such as "450 4.7.1 Greylisted, come back in 2 minutes"."""
    return Step("reply", line=line)


def parse_script(text: str, default_phase: str = "rcpt") -> list[tuple[str, Step, float]]:
    """Read `451x2+dot-cutx1+ok` as [(phase, step, times)…].

    Steps are joined by `+`; each is `[phase-]what[xN]`, what being `ok`, `cut`, `drop`, `hang`, `slow5`, `451` or
    `550.5.1.1`. Without `xN` a step holds once, the last one of its phase for ever; with it, as often as it says,
    and `ok` after the last. Raises ScriptError.
    """
    found: list[tuple[str, Step, float | None]] = []
    for part in text.split("+"):
        match = _STEP.match(part)
        phase = (match["phase"] or default_phase) if match else ""
        if match is None or phase not in PHASES:
            raise ScriptError(
                f"{part!r} is no step; use [phase-]ok|cut|drop|hang|slowN|CODE[.x.y.z][xN], phases {PHASES}"
            )
        found.append((phase, _step_of(match), float(match["times"]) if match["times"] else None))
    last = {phase: index for index, (phase, _, _) in enumerate(found)}
    return [
        (phase, step, times if times is not None else (float("inf") if last[phase] == index else 1.0))
        for index, (phase, step, times) in enumerate(found)
    ]


def _step_of(match: re.Match[str]) -> Step:
    if match["verb"]:
        return Step(match["verb"])
    if match["seconds"]:
        return Step("slow", seconds=float(match["seconds"]))
    return reply(f"{match['code']} {match['enhanced'] or ''} scripted".replace("  ", " "))


class Script:
    """Hands out the steps of one party (an address, or the whole server), phase by phase; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: dict[str, deque[_Planned]] = {}

    def plan(self, steps: Sequence[tuple[str, Step, float]]) -> None:
        """Append steps to their phases."""
        with self._lock:
            for phase, step, times in steps:
                self._planned.setdefault(phase, deque()).append(_Planned(step, times))

    def clear(self) -> None:
        """Forget everything planned."""
        with self._lock:
            self._planned.clear()

    def next(self, phase: str) -> Step:
        """Take the next step of a phase; OK when nothing is planned."""
        with self._lock:
            queue = self._planned.get(phase)
            while queue:
                head = queue[0]
                if head.times > 0:
                    head.times -= 1
                    return head.step
                queue.popleft()
            return OK

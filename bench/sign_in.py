"""Rows: the CPU of a sign-in beside one bcrypt check, and what other routes feel while sign-ins saturate."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import bcrypt
import orjson
import psutil
from waybill_standalone.platform import Platform

from bench.load import Outcome, request, run_load
from bench.results import Row, paired
from bench.stage import cpu_seconds

COST = 12
_SETTINGS = {
    "WAYBILL_AUTH_HASH_COST": str(COST),
    "WAYBILL_AUTH_LOGIN_IP_LIMIT": "1000000",
    "WAYBILL_AUTH_SESSION_MAX_PER_USER": "100",
}
_SIGN_INS = 12
_PROBE_ROUNDS = 4


def run(rounds: int, seconds: float) -> list[Row]:
    """Measure on the real processes; the floor hashes in this process."""
    with Platform(Path(tempfile.mkdtemp(prefix="waybill-bench-")), "processes", _SETTINGS) as platform:
        port = int(platform.urls["auth"].rsplit(":", 1)[1])
        account = orjson.dumps(platform.accounts["customer"])
        login = request("POST", "/v1/login", {}, account)
        (master,) = [psutil.Process(entry["pid"]) for entry in platform.processes("web", "auth")]
        costs = [(_sign_in_cpu(port, login, master), _hash_cpu()) for _ in range(rounds)]
        # A tail needs many probes, and both sides the same moments of a shared machine.
        quiet, busy = Outcome(), Outcome()
        for _ in range(_PROBE_ROUNDS):
            quiet.latencies += _probe(port, seconds).latencies
            busy.latencies += _probe_under_load(port, login, seconds).latencies
    halves = [(busy.percentile(0.5) * 1000, quiet.percentile(0.5) * 1000)]
    tails = [(busy.percentile(0.99) * 1000, quiet.percentile(0.99) * 1000)]
    return [
        paired("sign-in CPU (auth)", costs, "<= 1.10", "ms"),
        paired("GET keys while sign-ins saturate: p50", halves, "<= 1.5", "ms"),
        paired("GET keys while sign-ins saturate: p99", tails, "<= 3", "ms"),
    ]


def _sign_in_cpu(port: int, login: bytes, master: psutil.Process) -> float:
    before = cpu_seconds(master)
    for _ in range(_SIGN_INS):
        outcome = run_load(port, lambda: login, clients=1, seconds=0)
        if set(outcome.statuses) != {200}:
            raise RuntimeError(f"a sign-in was refused: {outcome.statuses}")
    return (cpu_seconds(master) - before) * 1000 / _SIGN_INS


def _hash_cpu() -> float:
    stored = bcrypt.hashpw(b"x" * 64, bcrypt.gensalt(COST))
    began = time.process_time()
    for _ in range(_SIGN_INS):
        bcrypt.checkpw(b"x" * 64, stored)
    return (time.process_time() - began) * 1000 / _SIGN_INS


def _probe(port: int, seconds: float) -> Outcome:
    """Ask for the published keys up to a hundred times a second, one at a time."""
    keys = request("GET", "/.well-known/jwks.json", {})
    outcome = Outcome()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        one = run_load(port, lambda: keys, clients=1, seconds=0)
        outcome.latencies += one.latencies
        time.sleep(0.01)  # the rate of the probe
    outcome.seconds = time.perf_counter() - began
    return outcome


def _probe_under_load(port: int, login: bytes, seconds: float) -> Outcome:
    def saturate() -> None:
        run_load(port, lambda: login, clients=8, seconds=seconds + 2)

    thread = threading.Thread(target=saturate)
    thread.start()
    time.sleep(1.0)  # let the sign-ins pile up
    outcome = _probe(port, seconds)
    thread.join(timeout=120)
    return outcome

"""A worker process that dies at one phase of the first mail: `python -m … SETTINGS_JSON PHASE WHEN`."""

import json
import os
import sys
import threading

from waybill_notifier.config import Settings
from waybill_notifier.jobs import deliver
from waybill_notifier.worker import run_worker

settings, phase, when = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3]
record_phase, begin_attempt, record_acceptance = (
    deliver.record_phase,
    deliver.begin_attempt,
    deliver.record_acceptance,
)


def dying_record_phase(run, attempt, reached, unit_of_work):
    if reached == phase and when == "before":
        os._exit(9)
    record_phase(run, attempt, reached, unit_of_work)
    if reached == phase:
        os._exit(9)


def dying_begin_attempt(*args):
    number = begin_attempt(*args)
    if phase == "claimed":
        os._exit(9)
    return number


def dying_record_acceptance(*args):
    if phase == "done":
        os._exit(9)
    return record_acceptance(*args)


deliver.record_phase = dying_record_phase
deliver.begin_attempt = dying_begin_attempt
deliver.record_acceptance = dying_record_acceptance
run_worker(Settings(**settings), threading.Event())

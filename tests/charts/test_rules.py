"""Every rendered chart keeps every rule, under every file of values; and every rule notices when it is broken."""

import json
from pathlib import Path

import pytest

from tests.charts.breaches import BREACHES, REMOVED, Breach
from tests.charts.manifests import name_of
from tests.charts.rules import RULES, jobs, pods
from tools.charts.install import ROOT
from tools.charts.render import cases, objects, parse

(GOOD,) = parse((Path(__file__).parent / "good.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_rendered_objects_keep_every_rule(case):
    rendered = objects(case)

    faults = [f"{rule.__name__}: {fault}" for rule in RULES for fault in rule(rendered)]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_good_release_breaks_no_rule(rule):
    assert list(rule(GOOD)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_rule_notices_what_breaks_it(rule):
    assert BREACHES[rule], "a rule that nothing breaks proves nothing"
    missed = [breach for breach in BREACHES[rule] if not list(rule(broken(breach)))]

    assert not missed


def broken(breach: Breach) -> list[dict]:
    """Return the good release with one place changed."""
    changed = json.loads(json.dumps(GOOD))  # what the file shares by anchors must not change together
    (place,) = [each for each in changed if name_of(each) == breach.target]
    *way, last = breach.path.split(".")
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if breach.value is REMOVED:
        del place[last]
    elif isinstance(place, list):
        place[int(last)] = breach.value
    else:
        place[last] = breach.value
    return changed


def test_the_job_of_skaffold_verify_keeps_the_rules_of_pods_and_jobs():
    written = parse((ROOT / "k8s" / "verify-job.yaml").read_text(encoding="utf-8"))

    # Skaffold puts in the image that it built.
    rules = [rule for rule in (*pods.RULES, *jobs.RULES) if rule is not pods.runs_an_image_that_is_named_exactly]
    assert [fault for rule in rules for fault in rule(written)] == []

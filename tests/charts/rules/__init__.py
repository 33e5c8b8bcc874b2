"""The rules every rendered chart must keep: each takes objects and says, in a line each, where they break it."""

from tests.charts.rules import jobs, pods, references, workloads

RULES = (*pods.RULES, *workloads.RULES, *references.RULES, *jobs.RULES)

"""The checkers of others say something: each refuses what it is there to refuse, and what may stay is argued."""

import copy

import pytest

from tests.charts.manifests import at
from tools.charts import checkers
from tools.charts.render import Case, objects

MOST_SKIPS = 10
EVERYTHING_ON = Case("orders", "everything-on-values.yaml")


def one(kind, case=EVERYTHING_ON):
    return copy.deepcopy(next(each for each in objects(case) if each["kind"] == kind))


@pytest.mark.parametrize("version", checkers.VERSIONS)
def test_kubernetes_refuses_a_field_it_does_not_know(version):
    deployment = one("Deployment")
    assert checkers.refused_by_kubernetes([deployment], version) == []

    at(deployment, "spec.template.spec")["terminationGracePeriodSecond"] = 5

    (fault,) = checkers.refused_by_kubernetes([deployment], version)
    assert "terminationGracePeriodSecond" in fault


@pytest.mark.parametrize("version", checkers.VERSIONS)
def test_kubernetes_refuses_a_value_and_a_kind_that_it_does_not_have(version):
    deployment = one("Deployment")
    deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"] = [1]
    ancient = {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "metadata": {"name": "orders"}}

    assert len(checkers.refused_by_kubernetes([deployment, ancient], version)) == 2


@pytest.mark.parametrize(
    ("case", "kind", "place", "wrong"),
    [
        (Case("orders"), "ServiceMonitor", "spec.endpoints.0", {"intervall": "30s"}),
        (Case("orders"), "PodMonitor", "spec.podMetricsEndpoints.0", {"port": 9090}),
        (Case("notifier", "everything-on-values.yaml"), "ScaledObject", "spec", {"minReplicas": 1}),
        (Case("notifier", "everything-on-values.yaml"), "TriggerAuthentication", "spec.secretTargetRef.0", {"name": 1}),
        (EVERYTHING_ON, "HTTPRoute", "spec.rules.0.backendRefs.0", {"port": 70000}),
        (Case("platform"), "PrometheusRule", "spec.groups.0.rules.0", {"annotation": {}}),
    ],
    ids=lambda value: value if isinstance(value, str) and value[0].isupper() else "",
)
def test_custom_resources_are_held_to_their_definitions(case, kind, place, wrong):
    resource = one(kind, case)
    assert checkers.refused_by_definitions([resource]) == []

    at(resource, place).update(wrong)

    assert checkers.refused_by_definitions([resource]) != []


def test_a_custom_resource_without_a_definition_is_no_silent_pass():
    other = {"apiVersion": "keda.sh/v9", "kind": "ScaledObject", "metadata": {"name": "orders"}, "spec": {}}

    assert checkers.refused_by_definitions([other]) != []


def test_checkov_finds_a_privileged_pod_and_a_skip_that_nothing_needs():
    deployment = one("Deployment")
    at(deployment, "spec.template.spec.containers.0.securityContext")["privileged"] = True
    skips = {"CKV_K8S_43": checkers.agreed_skips()["CKV_K8S_43"], "CKV_K8S_999": {"where": ".*", "because": "nothing"}}

    found = checkers.refused_by_checkov([deployment], skips)

    assert any("CKV_K8S_16 " in fault for fault in found)
    assert "CKV_K8S_999: no skip is needed any more" in found
    assert not any("CKV_K8S_43 " in fault for fault in found)


def test_at_most_ten_findings_stay_each_with_a_reason():
    skips = checkers.agreed_skips()

    assert len(skips) <= MOST_SKIPS
    for check, skip in skips.items():
        assert skip.keys() == {"where", "because"}, check
        assert len(skip["because"].split()) > 8, f"{check}: argue it"


@pytest.mark.parametrize("case", [Case("platform"), Case("dev-deps")], ids=str)
def test_no_chart_silences_checkov_by_itself(case):
    for each in objects(case):
        template = at(each, "spec.template.metadata") or {}
        keys = [*(each["metadata"].get("annotations") or {}), *(template.get("annotations") or {})]
        assert not any("checkov" in key for key in keys)

"""What keeps a service up while pods come and go: probes, drain, spread, scaling, budgets."""

from collections.abc import Iterator

from tests.charts.manifests import (
    LONG_RUNNING,
    Manifest,
    Workload,
    at,
    environment,
    name_of,
    of_kind,
    selected,
    selects,
    workloads,
)

PROBES = {
    "startupProbe": {"path": "/livez", "periodSeconds": 2, "failureThreshold": 30},
    "readinessProbe": {"path": "/readyz", "periodSeconds": 5, "timeoutSeconds": 2, "failureThreshold": 3},
    "livenessProbe": {"path": "/livez", "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
}
GUNICORN_GRACE = 30  # gunicorn_conf.graceful_timeout, unless GUNICORN_CMD_ARGS says otherwise
DRAIN = 20  # consumers and relays stop within this, messaging.md §5
WORKER_GRACE = "WAYBILL_NOTIFIER_WORKER_GRACE_SECONDS"
UNCHANGING = {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component", "part-of")}
SPREAD = {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}


def _ours(objects: list[Manifest]) -> list[Workload]:
    return [each for each in workloads(objects) if each.ours and each.kind == "Deployment"]


def selects_its_own_pods_and_no_others(objects: list[Manifest]) -> Iterator[str]:
    for owner in of_kind(objects, *LONG_RUNNING):
        selector = owner["spec"]["selector"]
        if not selects(selector, owner["spec"]["template"]["metadata"].get("labels", {})):
            yield f"{name_of(owner)}: its selector does not match its own template"
        for other in selected(objects, selector):
            if other.source is not owner:
                yield f"{name_of(owner)}: its selector takes in the pods of {other}"
        if not selector.get("matchLabels", {}).keys() <= UNCHANGING:
            yield f"{name_of(owner)}: a selector with a label that changes makes the next upgrade impossible"


def is_probed_as_agreed(objects: list[Manifest]) -> Iterator[str]:
    for pod in _ours(objects):
        for probe, want in PROBES.items():
            found = pod.spec["containers"][0].get(probe, {})
            for key, value in want.items():
                has = at(found, "httpGet.path") if key == "path" else found.get(key)
                if has != value:
                    yield f"{pod}: {probe}.{key} is {has} and not {value}"


def drains_before_it_is_killed(objects: list[Manifest]) -> Iterator[str]:
    for pod in _ours(objects):
        grace = pod.spec.get("terminationGracePeriodSeconds", 30)
        container = pod.spec["containers"][0]
        variables = environment(objects, container)
        sleep = at(container, "lifecycle.preStop.sleep.seconds") or 0
        if pod.component == "web":
            least = sleep + _graceful_timeout(variables) + 1
        elif pod.component == "worker":
            least = float(variables.get(WORKER_GRACE) or (390 if pod.service == "notifier" else 30))
        else:
            least = DRAIN + 1
        if grace < least:
            yield f"{pod}: killed after {grace} s, but it may take {least} s to stop"


def _graceful_timeout(variables: dict[str, str | None]) -> int:
    for argument in (variables.get("GUNICORN_CMD_ARGS") or "").split():
        if argument.startswith("--graceful-timeout="):
            return int(argument.partition("=")[2])
    return GUNICORN_GRACE


def is_replaced_without_a_gap(objects: list[Manifest]) -> Iterator[str]:
    for pod in _ours(objects):
        spec = pod.source["spec"]
        unavailable = 0 if pod.component == "web" else 1
        want = {"maxSurge": 1, "maxUnavailable": unavailable}
        if at(spec, "strategy.rollingUpdate") != want:
            yield f"{pod}: strategy is {at(spec, 'strategy.rollingUpdate')} and not {want}"
        if spec.get("minReadySeconds") != 5 or spec.get("revisionHistoryLimit") != 5:
            yield f"{pod}: minReadySeconds and revisionHistoryLimit are to be 5"
        if (spec.get("progressDeadlineSeconds") or 0) < 180:
            yield f"{pod}: progressDeadlineSeconds is below 180, the time to boot and to pull"


def is_spread_over_nodes_and_zones(objects: list[Manifest]) -> Iterator[str]:
    for pod in _ours(objects):
        constraints = pod.spec.get("topologySpreadConstraints", [])
        if {each["topologyKey"] for each in constraints} != SPREAD:
            yield f"{pod}: is not spread over {' and '.join(sorted(SPREAD))}"
        for each in constraints:
            if each["whenUnsatisfiable"] != "ScheduleAnyway":
                yield f"{pod}: a hard spread over {each['topologyKey']} keeps pods from starting"
            if each.get("matchLabelKeys") != ["pod-template-hash"]:
                yield f"{pod}: spread over {each['topologyKey']} counts the pods of the old version too"
            if not selects(each.get("labelSelector"), pod.labels):
                yield f"{pod}: spread over {each['topologyKey']} counts other pods than its own"


def _scalers(objects: list[Manifest]) -> Iterator[tuple[Manifest, str, str]]:
    for scaler in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        yield scaler, target.get("kind", "Deployment"), target["name"]


def leaves_replicas_to_its_autoscaler(objects: list[Manifest]) -> Iterator[str]:
    scaled: dict[str, str] = {}
    for scaler, kind, name in _scalers(objects):
        target = f"{kind}/{name}"
        if target in scaled:
            yield f"{target}: scaled by {scaled[target]} and by {name_of(scaler)}"
        scaled[target] = name_of(scaler)
    for owner in of_kind(objects, "Deployment"):
        if name_of(owner) in scaled and "replicas" in owner["spec"]:
            yield f"{name_of(owner)}: sets replicas although {scaled[name_of(owner)]} does"


def scales_down_slowly_within_its_bounds(objects: list[Manifest]) -> Iterator[str]:
    for scaler, _kind, _name in _scalers(objects):
        spec = scaler["spec"]
        low = spec.get("minReplicas", spec.get("minReplicaCount", 1))
        high = spec.get("maxReplicas", spec.get("maxReplicaCount", 0))
        if low > high:
            yield f"{name_of(scaler)}: from {low} to {high} replicas"
        window = at(spec, "behavior.scaleDown.stabilizationWindowSeconds")
        if scaler["kind"] == "HorizontalPodAutoscaler" and window != 300:
            yield f"{name_of(scaler)}: scales down after {window} s and not 300"
        if scaler["kind"] == "ScaledObject" and not at(spec, "fallback.replicas"):
            yield f"{name_of(scaler)}: has no fallback.replicas for a broker that does not answer"


def _least_replicas(objects: list[Manifest], owner: Manifest) -> int:
    for scaler, kind, name in _scalers(objects):
        if f"{kind}/{name}" == name_of(owner):
            spec = scaler["spec"]
            return spec.get("minReplicas", spec.get("minReplicaCount", 0))
    return owner["spec"].get("replicas", 1)


def is_protected_by_a_sane_budget(objects: list[Manifest]) -> Iterator[str]:
    budgets = of_kind(objects, "PodDisruptionBudget")
    for budget in budgets:
        owners = selected(objects, budget["spec"].get("selector"))
        if len(owners) != 1 or owners[0].kind not in LONG_RUNNING:
            yield f"{name_of(budget)}: selects the pods of {[str(each) for each in owners]} and not of one workload"
        if budget["spec"].get("maxUnavailable") != 1 or "minAvailable" in budget["spec"]:
            yield f"{name_of(budget)}: is to allow one unavailable pod, or a drain never ends"
        if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield f"{name_of(budget)}: a pod that never gets ready would block the drain of its node"
        for owner in owners:
            if owner.kind == "Deployment" and _least_replicas(objects, owner.source) < 2:
                yield f"{name_of(budget)}: {owner} has one replica, so the budget protects nothing"


def shares_its_labels(objects: list[Manifest]) -> Iterator[str]:
    for each in objects:
        labels = each["metadata"].get("labels") or {}
        if labels.get("app.kubernetes.io/part-of") != "waybill" or "app.kubernetes.io/name" not in labels:
            yield f"{name_of(each)}: lacks the labels app.kubernetes.io/name and part-of=waybill"


RULES = (
    selects_its_own_pods_and_no_others,
    is_probed_as_agreed,
    drains_before_it_is_killed,
    is_replaced_without_a_gap,
    is_spread_over_nodes_and_zones,
    leaves_replicas_to_its_autoscaler,
    scales_down_slowly_within_its_bounds,
    is_protected_by_a_sane_budget,
    shares_its_labels,
)

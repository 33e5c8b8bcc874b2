"""What runs once: migrations, hooks and tests. They come in order, leave nothing behind and never pass for a server."""

from collections.abc import Iterator

from tests.charts.manifests import Manifest, annotation, at, hooks, name_of, of_kind, selects, workloads

BEFORE = {"pre-install", "pre-upgrade"}
POLICY = "before-hook-creation,hook-succeeded"


def jobs_end_and_are_removed(objects: list[Manifest]) -> Iterator[str]:
    for job in of_kind(objects, "Job"):
        if job["spec"].get("ttlSecondsAfterFinished") is None:
            yield f"{name_of(job)}: stays for ever, it has no ttlSecondsAfterFinished"
        if not job["spec"].get("activeDeadlineSeconds"):
            yield f"{name_of(job)}: may run for ever, it has no activeDeadlineSeconds"
        if hooks(job) and job["spec"].get("backoffLimit") != 1:
            yield f"{name_of(job)}: a hook is tried twice, and then the release says that it failed"


def hooks_come_in_order_and_are_replaced(objects: list[Manifest]) -> Iterator[str]:
    for hook in objects:
        if not hooks(hook):
            continue
        if annotation(hook, "helm.sh/hook-delete-policy") != POLICY:
            yield f"{name_of(hook)}: delete policy is not {POLICY}, so the next upgrade may fail on the last one"
        if hooks(hook) & BEFORE and hooks(hook) != BEFORE:
            yield f"{name_of(hook)}: a migration runs before installs and before upgrades"
        if hooks(hook) & BEFORE and hook["kind"] == "Job" and annotation(hook, "helm.sh/hook-weight") != "-5":
            yield f"{name_of(hook)}: the weight of a migration is -5"
        if hooks(hook) & {"post-install", "post-upgrade"}:
            yield f"{name_of(hook)}: a hook after the install waits for pods that wait for it"


def hooks_need_nothing_of_their_own_release(objects: list[Manifest]) -> Iterator[str]:
    for pod in workloads(objects):
        if not hooks(pod.source) & BEFORE:
            continue
        if pod.spec.get("serviceAccountName", "default") != "default":
            yield f"{pod}: its ServiceAccount is made after it"
        used = {
            name
            for container in pod.containers
            for each in [*container.get("envFrom", []), *(one.get("valueFrom", {}) for one in container.get("env", []))]
            for name in (at(each, "configMapRef.name"), at(each, "configMapKeyRef.name"))
            if name
        }
        used |= {at(each, "configMap.name") for each in pod.spec.get("volumes", []) if "configMap" in each}
        for name in sorted(used & {each["metadata"]["name"] for each in of_kind(objects, "ConfigMap")}):
            yield f"{pod}: ConfigMap {name} is made after it"
        own = {each["metadata"]["name"] for each in of_kind(objects, "Secret")}
        for name in sorted(own & set(_secrets(pod.spec))):
            yield f"{pod}: Secret {name} is made after it"


def _secrets(spec: Manifest) -> Iterator[str]:
    for container in spec["containers"]:
        for each in container.get("env", []):
            if at(each, "valueFrom.secretKeyRef.name"):
                yield at(each, "valueFrom.secretKeyRef.name")
    for volume in spec.get("volumes", []):
        yield from filter(None, [at(volume, "secret.secretName")])
        for source in at(volume, "projected.sources") or []:
            yield from filter(None, [at(source, "secret.name")])


def hooks_are_let_through_before_they_run(objects: list[Manifest]) -> Iterator[str]:
    policies = of_kind(objects, "NetworkPolicy")
    if not policies:
        return
    for pod in workloads(objects):
        if not hooks(pod.source) & BEFORE:
            continue
        own = [each for each in policies if selects(each["spec"]["podSelector"], pod.labels) and hooks(each) == BEFORE]
        weight = int(annotation(pod.source, "helm.sh/hook-weight") or 0)
        if not any(int(annotation(each, "helm.sh/hook-weight") or 0) < weight for each in own):
            yield f"{pod}: its NetworkPolicy comes after it"


def what_runs_once_is_taken_for_no_server(objects: list[Manifest]) -> Iterator[str]:
    servers = [each for each in workloads(objects) if each.kind not in {"Job", "Pod", "CronJob"}]
    for pod in workloads(objects):
        if pod.kind not in {"Job", "Pod", "CronJob"}:
            continue
        for selector in of_kind(objects, "Service", "PodDisruptionBudget"):
            if selects(at(selector, "spec.selector"), pod.labels):
                yield f"{name_of(selector)}: takes in {pod}"
        for server in servers:
            if server.service == pod.service and server.component == pod.component:
                yield f"{pod}: has the labels of {server}"


def tests_have_a_name_that_stays(objects: list[Manifest]) -> Iterator[str]:
    for each in objects:
        if "test" in hooks(each) and "generateName" in each["metadata"]:
            yield f"{name_of(each)}: another name each time leaves the old ones behind"
        if "test" in hooks(each) and each["kind"] == "Pod" and each["spec"].get("restartPolicy") != "Never":
            yield f"{name_of(each)}: a test that is restarted never fails"


RULES = (
    jobs_end_and_are_removed,
    hooks_come_in_order_and_are_replaced,
    hooks_need_nothing_of_their_own_release,
    hooks_are_let_through_before_they_run,
    what_runs_once_is_taken_for_no_server,
    tests_have_a_name_that_stays,
)

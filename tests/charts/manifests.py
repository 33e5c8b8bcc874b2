"""Reads rendered objects the way Kubernetes does: which pods they make, what selects what."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
TEMPLATED = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"}
LONG_RUNNING = {"Deployment", "StatefulSet", "DaemonSet"}
SERVICES = ("auth", "orders", "notifier")


@dataclass(frozen=True)
class Workload:
    """An object that makes pods, and the pod it makes."""

    source: Manifest
    pod: Manifest

    def __str__(self) -> str:
        return name_of(self.source)

    @property
    def kind(self) -> str:
        return self.source["kind"]

    @property
    def labels(self) -> dict[str, str]:
        return self.pod["metadata"].get("labels", {})

    @property
    def spec(self) -> Manifest:
        return self.pod["spec"]

    @property
    def component(self) -> str:
        return self.labels.get("app.kubernetes.io/component", "")

    @property
    def service(self) -> str:
        return self.labels.get("app.kubernetes.io/name", "")

    @property
    def ours(self) -> bool:
        """Whether it runs one of the three services, tests aside."""
        return self.service in SERVICES and self.component not in {"test", "migrate"}

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def name_of(manifest: Manifest) -> str:
    """Return `Kind/name`."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def workloads(objects: Iterable[Manifest]) -> Iterator[Workload]:
    """Yield everything that makes pods, hooks and tests included."""
    for each in objects:
        if each["kind"] == "Pod":
            yield Workload(each, each)
        elif each["kind"] in TEMPLATED:
            yield Workload(each, each["spec"]["template"])
        elif each["kind"] == "CronJob":
            yield Workload(each, each["spec"]["jobTemplate"]["spec"]["template"])


def of_kind(objects: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """Return the objects of these kinds."""
    return [each for each in objects if each["kind"] in kinds]


def selects(selector: Manifest | None, labels: dict[str, str]) -> bool:
    """Say whether a label selector, or a plain map of labels as a Service has, takes in these labels."""
    if selector is None:
        return False
    if not {"matchLabels", "matchExpressions"} & selector.keys():
        return selector.items() <= labels.items()
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        _holds(each, labels) for each in selector.get("matchExpressions", [])
    )


def _holds(expression: Manifest, labels: dict[str, str]) -> bool:
    value = labels.get(expression["key"])
    match expression["operator"]:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(f"unknown operator {expression['operator']}")


def selected(objects: list[Manifest], selector: Manifest | None) -> list[Workload]:
    """Return the workloads whose pods a selector takes in."""
    return [each for each in workloads(objects) if selects(selector, each.labels)]


def annotation(manifest: Manifest, key: str) -> str | None:
    """Return an annotation's value."""
    return (manifest["metadata"].get("annotations") or {}).get(key)


def hooks(manifest: Manifest) -> set[str]:
    """Return the moments of a release at which Helm runs this object; none for an ordinary one."""
    return {each.strip() for each in (annotation(manifest, "helm.sh/hook") or "").split(",") if each}


def at(value: Any, path: str) -> Any:
    """Return what lies at a dotted path, or None."""
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = (value or {}).get(step)
    return value


def environment(objects: Iterable[Manifest], container: Manifest) -> dict[str, str | None]:
    """Return a container's variables, those of ConfigMaps included; None stands for a value from elsewhere."""
    maps = {each["metadata"]["name"]: each.get("data", {}) for each in of_kind(objects, "ConfigMap")}
    found: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        found |= maps.get(at(source, "configMapRef.name"), {})
    return found | {each["name"]: each.get("value") for each in container.get("env", [])}

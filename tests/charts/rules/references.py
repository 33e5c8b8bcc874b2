"""What points at another object must find it: Services, accounts, monitors, routes, policies, ConfigMaps."""

from collections.abc import Iterator

from tests.charts.manifests import (
    LONG_RUNNING,
    Manifest,
    annotation,
    at,
    name_of,
    of_kind,
    selected,
    selects,
    workloads,
)

ONE_OFF = {"Job", "CronJob", "Pod"}
# Outside of every release: what ci/everything-on-values.yaml brings in by extraEnvFrom and extraVolumes.
FOREIGN_MAPS = {"shop-environment", "authorities"}
# The pods of `skaffold verify` belong to no release; `part-of` alone means whatever the platform has in the namespace.
FOREIGN_PODS = {"app.kubernetes.io/name": "e2e", "app.kubernetes.io/component": "test"}
EVERYTHING = {"app.kubernetes.io/part-of"}


def _names(objects: list[Manifest], kind: str) -> set[str]:
    return {each["metadata"]["name"] for each in of_kind(objects, kind)}


def services_find_pods_and_ports(objects: list[Manifest]) -> Iterator[str]:
    for service in of_kind(objects, "Service"):
        pods = selected(objects, at(service, "spec.selector"))
        if not pods:
            yield f"{name_of(service)}: selects no pod"
        for pod in pods:
            if pod.kind in ONE_OFF:
                yield f"{name_of(service)}: sends requests to {pod}, which is no server"
            ports = [port for one in pod.spec["containers"] for port in one.get("ports", [])]
            known = {port.get("name") for port in ports} | {port["containerPort"] for port in ports}
            for port in service["spec"]["ports"]:
                if port.get("targetPort", port["port"]) not in known:
                    yield f"{name_of(service)}: port {port['port']} leads to none of {pod}"


def names_of_ports_are_unique(objects: list[Manifest]) -> Iterator[str]:
    for pod in workloads(objects):
        names = [port.get("name") for one in pod.spec["containers"] for port in one.get("ports", [])]
        if len(set(names)) < len(names):
            yield f"{pod}: two ports with one name"


def autoscalers_find_their_target(objects: list[Manifest]) -> Iterator[str]:
    for scaler in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
        target = scaler["spec"]["scaleTargetRef"]
        if target["name"] not in _names(objects, target.get("kind", "Deployment")):
            yield f"{name_of(scaler)}: there is no {target['name']} to scale"
        for trigger in scaler["spec"].get("triggers", []):
            reference = at(trigger, "authenticationRef.name")
            if reference and reference not in _names(objects, "TriggerAuthentication"):
                yield f"{name_of(scaler)}: there is no TriggerAuthentication {reference}"


def monitors_find_targets_and_ports(objects: list[Manifest]) -> Iterator[str]:
    for monitor in of_kind(objects, "ServiceMonitor"):
        chosen = [
            each
            for each in of_kind(objects, "Service")
            if selects(monitor["spec"]["selector"], each["metadata"].get("labels", {}))
        ]
        ports = {port["name"] for each in chosen for port in each["spec"]["ports"]}
        yield from _unknown_ports(monitor, monitor["spec"]["endpoints"], bool(chosen), ports)
    for monitor in of_kind(objects, "PodMonitor"):
        pods = selected(objects, monitor["spec"]["selector"])
        ports = {port.get("name") for pod in pods for one in pod.containers for port in one.get("ports", [])}
        yield from _unknown_ports(monitor, monitor["spec"]["podMetricsEndpoints"], bool(pods), ports)


def _unknown_ports(monitor: Manifest, endpoints: list[Manifest], found: bool, ports: set[str]) -> Iterator[str]:
    if not found:
        yield f"{name_of(monitor)}: selects nothing"
    for endpoint in endpoints:
        if found and endpoint["port"] not in ports:
            yield f"{name_of(monitor)}: scrapes port {endpoint['port']}, which is not among {sorted(map(str, ports))}"


def every_process_of_a_service_is_scraped_once(objects: list[Manifest]) -> Iterator[str]:
    monitors = of_kind(objects, "ServiceMonitor", "PodMonitor")
    if not monitors:
        return
    for pod in workloads(objects):
        if not pod.ours or pod.kind not in LONG_RUNNING:
            continue
        times = sum(_scrapes(objects, monitor, pod.labels) for monitor in monitors)
        if times != 1:
            yield f"{pod}: scraped {times} times"


def _scrapes(objects: list[Manifest], monitor: Manifest, labels: dict[str, str]) -> bool:
    if monitor["kind"] == "PodMonitor":
        return selects(monitor["spec"]["selector"], labels)
    return any(
        selects(monitor["spec"]["selector"], each["metadata"].get("labels", {}))
        and selects(each["spec"].get("selector"), labels)
        for each in of_kind(objects, "Service")
    )


def routes_lead_to_services(objects: list[Manifest]) -> Iterator[str]:
    ports = {
        (each["metadata"]["name"], key): port.get("name")
        for each in of_kind(objects, "Service")
        for port in each["spec"]["ports"]
        for key in (port.get("name"), port["port"])
    }
    for route, name, port in _backends(objects):
        if (name, port) not in ports:
            yield f"{name_of(route)}: leads to {name}:{port}, which is no Service"
        if ports.get((name, port)) == "internal":
            yield f"{name_of(route)}: shows the internal port to the world"


def _backends(objects: list[Manifest]) -> Iterator[tuple[Manifest, str, object]]:
    for route in of_kind(objects, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            for backend in rule["backendRefs"]:
                yield route, backend["name"], backend["port"]
    for route in of_kind(objects, "Ingress"):
        for rule in route["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                yield route, service["name"], service["port"].get("name", service["port"].get("number"))


def policies_select_pods(objects: list[Manifest]) -> Iterator[str]:
    for policy in of_kind(objects, "NetworkPolicy"):
        chosen = policy["spec"]["podSelector"]
        if chosen.get("matchLabels", {}).keys() <= EVERYTHING or selects(chosen, FOREIGN_PODS):
            continue
        if not selected(objects, chosen):
            yield f"{name_of(policy)}: applies to no pod"


def accounts_and_config_maps_exist(objects: list[Manifest]) -> Iterator[str]:
    accounts, maps = _names(objects, "ServiceAccount"), _names(objects, "ConfigMap")
    for pod in workloads(objects):
        account = pod.spec.get("serviceAccountName", "default")
        if account != "default" and account not in accounts:
            yield f"{pod}: runs as ServiceAccount {account}, which does not exist"
        for name in _config_maps(pod.spec):
            if name not in maps | FOREIGN_MAPS:
                yield f"{pod}: reads ConfigMap {name}, which does not exist"


def _config_maps(spec: Manifest) -> Iterator[str]:
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                yield source["configMapRef"]["name"]
    for volume in spec.get("volumes", []):
        if "configMap" in volume:
            yield volume["configMap"]["name"]


def objects_are_made_once(objects: list[Manifest]) -> Iterator[str]:
    seen: set[str] = set()
    for each in objects:
        if name_of(each) in seen and not annotation(each, "helm.sh/hook"):
            yield f"{name_of(each)}: rendered twice"
        seen.add(name_of(each))
        if each["metadata"].get("namespace"):
            yield f"{name_of(each)}: has a namespace of its own; the release's is meant"


RULES = (
    services_find_pods_and_ports,
    names_of_ports_are_unique,
    autoscalers_find_their_target,
    monitors_find_targets_and_ports,
    every_process_of_a_service_is_scraped_once,
    routes_lead_to_services,
    policies_select_pods,
    accounts_and_config_maps_exist,
    objects_are_made_once,
)

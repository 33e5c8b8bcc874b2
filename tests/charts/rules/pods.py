"""What every pod must keep, hooks and tests included: the restricted profile, a read-only root, honest sizes."""

import re
from collections.abc import Iterator

from tests.charts.manifests import LONG_RUNNING, Manifest, Workload, at, environment, workloads

SAFE_VOLUMES = {"configMap", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
SECRET_NAME = re.compile(r"SECRET|PASSWORD|PASSWD|TOKEN$|PEPPER|(ENCRYPTION|LINK|PRIVATE|API)_KEYS?$|DATABASE_URL$")
CREDENTIALS = re.compile(r"://[^/@\s]*:[^/@\s]+@")
OUR_USER = 10001


def _each(objects: list[Manifest]) -> Iterator[tuple[Workload, Manifest, str]]:
    for pod in workloads(objects):
        for container in pod.containers:
            yield pod, container, f"{pod}, container {container['name']}"


def runs_as_a_user_that_is_not_root(objects: list[Manifest]) -> Iterator[str]:
    for pod in workloads(objects):
        if at(pod.spec, "securityContext.runAsNonRoot") is not True:
            yield f"{pod}: securityContext.runAsNonRoot is not true"
        if not at(pod.spec, "securityContext.runAsUser"):
            yield f"{pod}: no runAsUser, so Kubernetes cannot tell a user by name from root"
        if pod.ours and at(pod.spec, "securityContext.runAsUser") != OUR_USER:
            yield f"{pod}: runs as another user than {OUR_USER}"
    for _pod, container, where in _each(objects):
        context = container.get("securityContext", {})
        if context.get("runAsNonRoot") is False or context.get("runAsUser") == 0:
            yield f"{where}: overrides the pod and runs as root"


def is_confined_by_seccomp(objects: list[Manifest]) -> Iterator[str]:
    for pod in workloads(objects):
        if at(pod.spec, "securityContext.seccompProfile.type") != "RuntimeDefault":
            yield f"{pod}: seccompProfile is not RuntimeDefault"
    for _pod, container, where in _each(objects):
        if at(container, "securityContext.seccompProfile.type") not in {None, "RuntimeDefault"}:
            yield f"{where}: overrides the seccomp profile"


def gains_no_privileges(objects: list[Manifest]) -> Iterator[str]:
    for _pod, container, where in _each(objects):
        if at(container, "securityContext.allowPrivilegeEscalation") is not False:
            yield f"{where}: allowPrivilegeEscalation is not false"
        if at(container, "securityContext.privileged"):
            yield f"{where}: is privileged"


def drops_every_capability(objects: list[Manifest]) -> Iterator[str]:
    for _pod, container, where in _each(objects):
        if at(container, "securityContext.capabilities") != {"drop": ["ALL"]}:
            yield f"{where}: does not drop ALL capabilities, or adds one"


def writes_only_to_volumes(objects: list[Manifest]) -> Iterator[str]:
    for _pod, container, where in _each(objects):
        if at(container, "securityContext.readOnlyRootFilesystem") is not True:
            yield f"{where}: the root filesystem is not read-only"
    for pod in workloads(objects):
        for volume in pod.spec.get("volumes", []):
            if "emptyDir" in volume and not at(volume, "emptyDir.sizeLimit"):
                yield f"{pod}: emptyDir {volume['name']} has no sizeLimit"


def shares_nothing_with_the_node(objects: list[Manifest]) -> Iterator[str]:
    for pod in workloads(objects):
        for field in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(field):
                yield f"{pod}: {field} is set"
        for volume in pod.spec.get("volumes", []):
            kinds = volume.keys() - {"name"}
            if not kinds <= SAFE_VOLUMES:
                yield f"{pod}: volume {volume['name']} is a {', '.join(sorted(kinds))}"
    for _pod, container, where in _each(objects):
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{where}: has a hostPort"


def mounts_only_volumes_that_are_there(objects: list[Manifest]) -> Iterator[str]:
    for pod, container, where in _each(objects):
        volumes = {volume["name"] for volume in pod.spec.get("volumes", [])}
        volumes |= {each["metadata"]["name"] for each in pod.source["spec"].get("volumeClaimTemplates", [])}
        mounts = container.get("volumeMounts", [])
        for mount in mounts:
            if mount["name"] not in volumes:
                yield f"{where}: mounts {mount['name']}, which is no volume of the pod"
        paths = [mount["mountPath"] for mount in mounts]
        if len(set(paths)) < len(paths):
            yield f"{where}: mounts two volumes at one path"


def holds_no_token_and_no_service_links(objects: list[Manifest]) -> Iterator[str]:
    for pod in workloads(objects):
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod}: automountServiceAccountToken is not false"
        if pod.spec.get("enableServiceLinks") is not False:
            yield f"{pod}: enableServiceLinks is not false, so AUTH_PORT=tcp://… gets into its environment"


def runs_an_image_that_is_named_exactly(objects: list[Manifest]) -> Iterator[str]:
    for _pod, container, where in _each(objects):
        name, _, digest = container["image"].partition("@")
        tag = name.rpartition("/")[2].partition(":")[2]
        if not digest.startswith("sha256:") and tag in {"", "latest"}:
            yield f"{where}: image {container['image']} has neither a tag nor a digest, or is latest"


def says_what_it_needs(objects: list[Manifest]) -> Iterator[str]:
    for _pod, container, where in _each(objects):
        for path in ("requests.cpu", "requests.memory", "limits.memory"):
            if at(container.get("resources"), path) is None:
                yield f"{where}: resources.{path} is not set"
        if at(container.get("resources"), "limits.cpu") is not None:
            yield f"{where}: a CPU limit throttles; it is not wanted by default"


def sets_each_variable_once(objects: list[Manifest]) -> Iterator[str]:
    for _pod, container, where in _each(objects):
        names = [each["name"] for each in container.get("env", [])]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{where}: {name} is set {names.count(name)} times"
        for name in names:
            if name.endswith("_FILE") and name.removesuffix("_FILE") in environment(objects, container):
                yield f"{where}: {name} and the variable itself are both set"


def takes_secrets_from_secrets(objects: list[Manifest]) -> Iterator[str]:
    for _pod, container, where in _each(objects):
        for name, value in environment(objects, container).items():
            if value and not name.endswith("_FILE") and (SECRET_NAME.search(name) or CREDENTIALS.search(value)):
                yield f"{where}: {name} has its secret written into the manifest"


def is_probed_where_it_listens(objects: list[Manifest]) -> Iterator[str]:
    for pod, container, where in _each(objects):
        ports = {each["name"] for each in container.get("ports", []) if "name" in each}
        ports |= {each["containerPort"] for each in container.get("ports", [])}
        probes = {kind: container.get(f"{kind}Probe") for kind in ("startup", "readiness", "liveness")}
        for kind, probe in probes.items():
            port = at(probe, "httpGet.port") or at(probe, "tcpSocket.port")
            if port is not None and port not in ports:
                yield f"{where}: {kind}Probe asks port {port}, which the container does not have"
        serves = pod.kind in LONG_RUNNING and container in pod.spec["containers"]
        if serves and not all(probes.values()):
            yield f"{where}: lacks {', '.join(kind for kind, probe in probes.items() if not probe)}"


def rolls_when_its_settings_change(objects: list[Manifest]) -> Iterator[str]:
    for pod in workloads(objects):
        reads = any(at(each, "configMapRef.name") for one in pod.containers for each in one.get("envFrom", []))
        keys = (pod.pod["metadata"].get("annotations") or {}).keys()
        if reads and pod.kind in LONG_RUNNING and not any(key.startswith("checksum/") for key in keys):
            yield f"{pod}: reads a ConfigMap but has no checksum annotation, so old pods keep old settings"


RULES = (
    runs_as_a_user_that_is_not_root,
    is_confined_by_seccomp,
    gains_no_privileges,
    drops_every_capability,
    writes_only_to_volumes,
    shares_nothing_with_the_node,
    mounts_only_volumes_that_are_there,
    holds_no_token_and_no_service_links,
    runs_an_image_that_is_named_exactly,
    says_what_it_needs,
    sets_each_variable_once,
    takes_secrets_from_secrets,
    is_probed_where_it_listens,
    rolls_when_its_settings_change,
)

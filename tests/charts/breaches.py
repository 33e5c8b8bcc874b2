"""One way or more to break each rule, as a change of tests/charts/good.yaml: the object, the place, the new value."""

from typing import Any, NamedTuple

from tests.charts.rules import jobs, pods, references, workloads

WEB, WORKER, JOB, TEST = "Deployment/orders-web", "Deployment/orders-worker", "Job/orders-migrate", "Pod/orders-test"
POD = "spec.template.spec."
CONTAINER = f"{POD}containers.0."
LABELS = "spec.template.metadata.labels"
SERVED = {
    "app.kubernetes.io/name": "orders",
    "app.kubernetes.io/part-of": "waybill",
    "app.kubernetes.io/component": "web",
}
ANNOTATIONS = "metadata.annotations"
HOOK = {
    "helm.sh/hook": "pre-install,pre-upgrade",
    "helm.sh/hook-weight": "-5",
    "helm.sh/hook-delete-policy": "before-hook-creation,hook-succeeded",
}
REMOVED = object()


class Breach(NamedTuple):
    """A change of one place; `REMOVED` takes it away."""

    target: str
    path: str
    value: Any


BREACHES = {
    pods.runs_as_a_user_that_is_not_root: [
        Breach(WEB, f"{POD}securityContext.runAsNonRoot", REMOVED),
        Breach(JOB, f"{POD}securityContext.runAsUser", REMOVED),
        Breach(WORKER, f"{POD}securityContext.runAsUser", 1000),
        Breach(TEST, "spec.containers.0.securityContext.runAsUser", 0),
    ],
    pods.is_confined_by_seccomp: [
        Breach(JOB, f"{POD}securityContext.seccompProfile", REMOVED),
        Breach(WEB, f"{CONTAINER}securityContext.seccompProfile", {"type": "Unconfined"}),
    ],
    pods.gains_no_privileges: [
        Breach(TEST, "spec.containers.0.securityContext.allowPrivilegeEscalation", REMOVED),
        Breach(WEB, f"{CONTAINER}securityContext.privileged", True),
    ],
    pods.drops_every_capability: [
        Breach(JOB, f"{CONTAINER}securityContext.capabilities", REMOVED),
        Breach(WEB, f"{CONTAINER}securityContext.capabilities.add", ["NET_ADMIN"]),
    ],
    pods.writes_only_to_volumes: [
        Breach(JOB, f"{CONTAINER}securityContext.readOnlyRootFilesystem", False),
        Breach(WEB, f"{POD}volumes.0.emptyDir", {}),
    ],
    pods.shares_nothing_with_the_node: [
        Breach(WEB, f"{POD}hostNetwork", True),
        Breach(WEB, f"{POD}volumes.0", {"name": "tmp", "hostPath": {"path": "/etc"}}),
        Breach(WEB, f"{CONTAINER}ports.0.hostPort", 8082),
    ],
    pods.mounts_only_volumes_that_are_there: [
        Breach(WEB, f"{POD}volumes", []),
        Breach(WEB, f"{CONTAINER}volumeMounts", [{"name": "tmp", "mountPath": "/tmp"}] * 2),
    ],
    pods.holds_no_token_and_no_service_links: [
        Breach(JOB, f"{POD}automountServiceAccountToken", REMOVED),
        Breach(TEST, "spec.enableServiceLinks", REMOVED),
    ],
    pods.runs_an_image_that_is_named_exactly: [
        Breach(WEB, f"{CONTAINER}image", "waybill/orders:latest"),
        Breach(TEST, "spec.containers.0.image", "localhost:5000/waybill/orders"),
    ],
    pods.says_what_it_needs: [
        Breach(JOB, f"{CONTAINER}resources", REMOVED),
        Breach(WEB, f"{CONTAINER}resources.requests.cpu", REMOVED),
        Breach(WEB, f"{CONTAINER}resources.limits.cpu", "1"),
    ],
    pods.sets_each_variable_once: [
        Breach(WEB, f"{CONTAINER}env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
        Breach(WEB, f"{CONTAINER}env.0", {"name": "WAYBILL_LOG_LEVEL_FILE", "value": "/run/level"}),
    ],
    pods.takes_secrets_from_secrets: [
        Breach(WEB, f"{CONTAINER}env.0", {"name": "WAYBILL_ORDERS_CLIENT_SECRET", "value": "s3cret"}),
        Breach("ConfigMap/orders", "data.WAYBILL_AMQP_URL", "amqp://user:password@rabbitmq"),
    ],
    pods.is_probed_where_it_listens: [
        Breach(WEB, f"{CONTAINER}livenessProbe.httpGet.port", "admin"),
        Breach(WEB, f"{CONTAINER}startupProbe", REMOVED),
    ],
    pods.rolls_when_its_settings_change: [Breach(WEB, "spec.template.metadata.annotations", REMOVED)],
    workloads.selects_its_own_pods_and_no_others: [
        Breach(WEB, "spec.selector.matchLabels", {"app.kubernetes.io/name": "shop"}),
        Breach(WEB, "spec.selector.matchLabels", {"app.kubernetes.io/name": "orders"}),
        Breach(WEB, "spec.selector.matchLabels", {**SERVED, "helm.sh/chart": "orders-0.1.0"}),
    ],
    workloads.is_probed_as_agreed: [
        Breach(WEB, f"{CONTAINER}livenessProbe.failureThreshold", 3),
        Breach(WEB, f"{CONTAINER}livenessProbe.httpGet.path", "/readyz"),
    ],
    workloads.drains_before_it_is_killed: [
        Breach(WEB, f"{POD}terminationGracePeriodSeconds", 40),
        Breach(WEB, f"{CONTAINER}env.0.value", "--graceful-timeout=60"),
        Breach(WORKER, f"{POD}terminationGracePeriodSeconds", 20),
    ],
    workloads.is_replaced_without_a_gap: [
        Breach(WEB, "spec.strategy.rollingUpdate.maxUnavailable", 1),
        Breach(WORKER, "spec.minReadySeconds", REMOVED),
        Breach(WEB, "spec.progressDeadlineSeconds", 60),
    ],
    workloads.is_spread_over_nodes_and_zones: [
        Breach(WEB, f"{POD}topologySpreadConstraints", REMOVED),
        Breach(WEB, f"{POD}topologySpreadConstraints.0.whenUnsatisfiable", "DoNotSchedule"),
        Breach(WEB, f"{POD}topologySpreadConstraints.1.matchLabelKeys", REMOVED),
        Breach(WORKER, f"{POD}topologySpreadConstraints.0.labelSelector.matchLabels", SERVED),
    ],
    workloads.leaves_replicas_to_its_autoscaler: [
        Breach(WEB, "spec.replicas", 2),
        Breach("ScaledObject/orders-worker", "spec.scaleTargetRef.name", "orders-web"),
    ],
    workloads.scales_down_slowly_within_its_bounds: [
        Breach("HorizontalPodAutoscaler/orders-web", "spec.behavior", REMOVED),
        Breach("HorizontalPodAutoscaler/orders-web", "spec.maxReplicas", 1),
        Breach("ScaledObject/orders-worker", "spec.fallback", REMOVED),
    ],
    workloads.is_protected_by_a_sane_budget: [
        Breach("HorizontalPodAutoscaler/orders-web", "spec.minReplicas", 1),
        Breach("PodDisruptionBudget/orders-web", "spec.unhealthyPodEvictionPolicy", REMOVED),
        Breach("PodDisruptionBudget/orders-web", "spec.maxUnavailable", 0),
        Breach("PodDisruptionBudget/orders-web", "spec.selector.matchLabels", {"app.kubernetes.io/name": "orders"}),
    ],
    workloads.shares_its_labels: [Breach("ServiceAccount/orders", "metadata.labels", REMOVED)],
    references.services_find_pods_and_ports: [
        Breach("Service/orders", "spec.selector", {"app.kubernetes.io/name": "shop"}),
        Breach("Service/orders", "spec.selector", {"app.kubernetes.io/name": "orders"}),
        Breach("Service/orders", "spec.ports.0.targetPort", "https"),
    ],
    references.names_of_ports_are_unique: [Breach(WEB, f"{CONTAINER}ports.1.name", "http")],
    references.autoscalers_find_their_target: [
        Breach("HorizontalPodAutoscaler/orders-web", "spec.scaleTargetRef.name", "orders"),
        Breach("ScaledObject/orders-worker", "spec.triggers.0.authenticationRef.name", "orders"),
    ],
    references.monitors_find_targets_and_ports: [
        Breach("ServiceMonitor/orders", "spec.selector.matchLabels", {"app": "orders"}),
        Breach("ServiceMonitor/orders", "spec.endpoints.0.port", "metrics"),
        Breach("PodMonitor/orders", "spec.selector.matchLabels", {"app": "orders"}),
        Breach("PodMonitor/orders", "spec.podMetricsEndpoints.0.port", "metrics"),
    ],
    references.every_process_of_a_service_is_scraped_once: [
        Breach("PodMonitor/orders", "spec.selector.matchLabels", {"app.kubernetes.io/name": "orders"}),
        Breach("PodMonitor/orders", "spec.selector.matchLabels", {"app": "orders"}),
    ],
    references.routes_lead_to_services: [
        Breach("HTTPRoute/orders", "spec.rules.0.backendRefs.0.name", "shop"),
        Breach("HTTPRoute/orders", "spec.rules.0.backendRefs.0.port", 80),
        Breach("HTTPRoute/orders", "spec.rules.0.backendRefs.0.port", 9082),
    ],
    references.policies_select_pods: [
        Breach("NetworkPolicy/orders-web", "spec.podSelector.matchLabels", {"app": "orders"}),
    ],
    references.accounts_and_config_maps_exist: [
        Breach(WEB, f"{POD}serviceAccountName", "shop"),
        Breach(WEB, f"{CONTAINER}envFrom.0.configMapRef.name", "shop"),
    ],
    references.objects_are_made_once: [
        Breach("ServiceAccount/orders", "metadata.namespace", "default"),
        Breach(WORKER, "metadata.name", "orders-web"),
    ],
    jobs.jobs_end_and_are_removed: [
        Breach(JOB, "spec.ttlSecondsAfterFinished", REMOVED),
        Breach(JOB, "spec.activeDeadlineSeconds", REMOVED),
        Breach(JOB, "spec.backoffLimit", REMOVED),
    ],
    jobs.hooks_come_in_order_and_are_replaced: [
        Breach(JOB, ANNOTATIONS, {**HOOK, "helm.sh/hook-delete-policy": "hook-succeeded"}),
        Breach(JOB, ANNOTATIONS, {**HOOK, "helm.sh/hook-weight": "0"}),
        Breach(JOB, ANNOTATIONS, {**HOOK, "helm.sh/hook": "pre-upgrade"}),
        Breach(JOB, ANNOTATIONS, {**HOOK, "helm.sh/hook": "post-install"}),
    ],
    jobs.hooks_need_nothing_of_their_own_release: [
        Breach(JOB, f"{POD}serviceAccountName", "orders"),
        Breach(JOB, f"{CONTAINER}envFrom", [{"configMapRef": {"name": "orders"}}]),
    ],
    jobs.hooks_are_let_through_before_they_run: [
        Breach("NetworkPolicy/orders-migrate", ANNOTATIONS, HOOK),
        Breach("NetworkPolicy/orders-migrate", ANNOTATIONS, REMOVED),
    ],
    jobs.what_runs_once_is_taken_for_no_server: [Breach(JOB, LABELS, SERVED), Breach(TEST, "metadata.labels", SERVED)],
    jobs.tests_have_a_name_that_stays: [
        Breach(TEST, "metadata.generateName", "orders-test-"),
        Breach(TEST, "spec.restartPolicy", "OnFailure"),
    ],
}

"""What Helm makes of the charts: the same on both versions, complete, and nothing at all from values that are wrong."""

import subprocess
import tarfile

import pytest

from tests.charts.manifests import annotation, at, hooks, name_of, of_kind, workloads
from tools.charts.install import helm
from tools.charts.render import NEWEST, OFFERED, OLDEST, Case, RenderError, applications, built, cases, objects, render

SERVICES = ("auth", "orders", "notifier")
DIGEST = f"sha256:{'0' * 64}"


def by_name(rendered):
    return {f"{name_of(each)} {annotation(each, 'helm.sh/hook')}": each for each in rendered}


@pytest.mark.parametrize("case", cases(), ids=str)
def test_both_helms_make_equal_objects(case):
    assert by_name(objects(case, version=OLDEST)) == by_name(objects(case, version=NEWEST))


def test_every_chart_is_rendered_under_the_whole_matrix():
    names = {"default", "dev", "staging", "minimal", "everything-on", "everything-off"}
    for chart in (*SERVICES, "platform"):
        assert {str(case).removeprefix(f"{chart}-") for case in cases() if case.chart == chart} >= names


def packaged(folder):
    """The files of every packaged subchart: name → paths."""
    found = {}
    for archive in folder.glob("charts/*.tgz"):
        with tarfile.open(archive) as tar:
            found[archive.name] = tar.getnames()
    return found


def has_common(names):
    return any(name.split("/")[1:2] == ["charts"] and "common" in name for name in names)


def test_packaged_subcharts_have_the_library_inside():
    subcharts = packaged(built() / "platform")

    assert {name.rsplit("-", 1)[0] for name in subcharts} == {*SERVICES, "common"}
    for name, names in subcharts.items():
        assert name.startswith("common-") or has_common(names), f"{name} is packaged without common"


def test_a_platform_that_is_built_before_its_leaves_lacks_the_library(tmp_path):
    for chart in ("common", "platform", *SERVICES):
        subprocess.run(["cp", "-r", built() / chart, tmp_path / chart], check=True)
        subprocess.run(["rm", "-rf", tmp_path / chart / "charts"], check=True)
    build = [helm(NEWEST), "dependency", "build", tmp_path / "platform", "--skip-refresh"]

    assert subprocess.run(build, capture_output=True, check=False).returncode == 0, "Helm does not notice it"
    assert not any(has_common(names) for name, names in packaged(tmp_path / "platform").items() if "auth" in name)


@pytest.mark.parametrize("version", [NEWEST, OLDEST])
@pytest.mark.parametrize("chart", applications())
def test_a_typo_in_a_value_is_refused(chart, version):
    with pytest.raises(RenderError, match="typo"):
        render(Case(chart), "typo=1", version=version)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("setting", "named"),
    [
        ("web.replica=3", "replica"),
        ("config.WAYBILL_LOG_LEVLE=INFO", "WAYBILL_LOG_LEVLE"),
        ("secrets.WAYBILL_AMQP_URI.existingSecret=x", "WAYBILL_AMQP_URI"),
        ("config.WAYBILL_LOG_LEVEL=LOUD", "WAYBILL_LOG_LEVEL"),
        ("image.tag=latest", "tag"),
        ("image.digest=abc", "digest"),
        ("migrations.mode=never", "mode"),
        ("web.replicas=-1", "replicas"),
        # The drain does not fit into the time before the pod is killed.
        ("web.terminationGracePeriodSeconds=40", "terminationGracePeriodSeconds"),
        ("web.preStopSleepSeconds=20", "terminationGracePeriodSeconds"),
        ("web.gracefulTimeoutSeconds=60", "terminationGracePeriodSeconds"),
        ("worker.terminationGracePeriodSeconds=10", "terminationGracePeriodSeconds"),
        # Two owners of one number, or of one variable.
        ("extraEnv[0].name=PROMETHEUS_MULTIPROC_DIR,extraEnv[0].value=/x", "PROMETHEUS_MULTIPROC_DIR"),
        ("extraEnv[0].name=WAYBILL_WEB_HOST,extraEnv[0].value=::", "WAYBILL_WEB_HOST"),
        ("httpRoute.enabled=true", "parentRefs"),
        ("web.autoscaling.enabled=true,web.autoscaling.maxReplicas=1", "maxReplicas"),
    ],
)
def test_values_that_cannot_work_are_refused(service, setting, named):
    with pytest.raises(RenderError, match=named):
        render(Case(service), setting)


def test_notifications_wait_for_a_mail_that_may_take_its_whole_time():
    with pytest.raises(RenderError, match="terminationGracePeriodSeconds"):
        render(Case("notifier"), "worker.terminationGracePeriodSeconds=389")
    with pytest.raises(RenderError, match="terminationGracePeriodSeconds"):
        render(Case("notifier"), "config.WAYBILL_NOTIFIER_WORKER_GRACE_SECONDS=500")


def test_two_autoscalers_are_refused():
    keda = "consumer.keda.enabled=true,consumer.autoscaling.enabled=true"
    with pytest.raises(RenderError, match="autoscaling"):
        render(Case("notifier"), keda)


@pytest.mark.parametrize("service", SERVICES)
def test_a_digest_wins_over_a_tag_in_every_pod(service):
    for settings, image in (
        ([], f"waybill/{service}:0.1.0"),
        (["image.tag=1.2.3"], f"waybill/{service}:1.2.3"),
        # Only the digest is looked at; the tag is for people, and `skaffold dev` finds its pods by both.
        (["image.tag=1.2.3", f"image.digest={DIGEST}"], f"waybill/{service}:1.2.3@{DIGEST}"),
        (["image.registry=a.example", "image.tag=1.2.3"], f"a.example/waybill/{service}:1.2.3"),
        (["image.registry=a.example", "global.imageRegistry=b.example"], f"b.example/waybill/{service}:0.1.0"),
    ):
        images = {one["image"] for pod in workloads(objects(Case(service), *settings)) for one in pod.containers}
        assert images == {image}


@pytest.mark.parametrize("service", SERVICES)
def test_the_schema_comes_before_the_pods_that_need_it(service):
    hook = objects(Case(service), "migrations.mode=hook")
    job = objects(Case(service), "migrations.mode=job")
    none = objects(Case(service), "migrations.mode=none")

    assert hooks(one_migration(hook).source) == {"pre-install", "pre-upgrade"}
    assert hooks(one_migration(job).source) == set()
    assert [each for each in workloads(none) if each.component == "migrate"] == []
    for rendered, waits in ((hook, False), (job, True), (none, False)):
        for pod in workloads(rendered):
            if pod.ours:
                assert bool(pod.spec.get("initContainers")) is waits, str(pod)


def one_migration(rendered):
    (found,) = [each for each in workloads(rendered) if each.component == "migrate"]
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_another_image_is_another_migration_job(service):
    def job(tag):
        return str(one_migration(objects(Case(service), "migrations.mode=job", f"image.tag={tag}")))

    assert job("v1") == job("v1")
    assert job("v1") != job("v2")


@pytest.mark.parametrize("service", SERVICES)
def test_what_has_replicas_has_a_budget_and_what_has_not_has_none(service):
    def budgets(*settings):
        return {each["metadata"]["name"] for each in of_kind(objects(Case(service), *settings), "PodDisruptionBudget")}

    deployments = {each["metadata"]["name"] for each in of_kind(objects(Case(service)), "Deployment")}
    assert budgets() == deployments
    assert f"{service}-web" not in budgets("web.replicas=1")
    assert f"{service}-web" in budgets("web.replicas=1", "web.autoscaling.enabled=true")


@pytest.mark.parametrize("service", SERVICES)
def test_monitors_are_made_only_where_the_cluster_knows_them(service):
    def monitors(*settings, offered):
        return of_kind(objects(Case(service), *settings, offered=offered), "ServiceMonitor", "PodMonitor")

    assert len(monitors(offered=OFFERED)) == 2
    assert monitors(offered=()) == []
    assert len(monitors("monitoring.enabled=true", offered=())) == 2
    assert monitors("monitoring.enabled=false", offered=OFFERED) == []


def test_each_part_of_the_platform_can_be_left_out():
    whole = {each.service for each in workloads(objects(Case("platform")))}
    without = {each.service for each in workloads(objects(Case("platform"), "orders.enabled=false"))}

    assert whole == set(SERVICES)
    assert without == {"auth", "notifier"}


def test_the_platform_installs_what_the_services_install_alone():
    def but_for_the_release(rendered):
        found = by_name(rendered)
        return {name: at(each, "spec.template.spec.containers") for name, each in found.items() if "Deployment" in name}

    alone = [each for service in SERVICES for each in objects(Case(service))]

    assert but_for_the_release(objects(Case("platform"))) == but_for_the_release(alone)

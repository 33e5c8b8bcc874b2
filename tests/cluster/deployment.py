"""The platform in a namespace of its own: installed from the charts, upgraded, and what the tests need to reach it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.chaos.api import Account, Caller
from tests.chaos.facts import Sources
from tests.cluster.kube import Kube
from tools.charts.render import built

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SERVICES = ("auth", "orders", "notifier")
_DATABASES = (*SERVICES, "sandbox")
_STAFF = "staff@waybill.example"
_LINK = re.compile(r"/(verify|reset)#token=(\S+)")


@dataclass(frozen=True)
class Images:
    """Where the cluster pulls from, and the tags of this version and of the next."""

    registry: str
    now: str
    following: str


class Deployment:
    """Both releases of a namespace; `urls` are the ways in from outside."""

    def __init__(self, kube: Kube, images: Images) -> None:
        self.kube = kube
        self._images = images
        self.urls: dict[str, str] = {}
        self.staff = Account(_STAFF, secrets.token_urlsafe(24))

    def install(self) -> None:
        """Make the namespace, install dev-deps and the platform, open the ways in, and make the first administrator."""
        name = self.kube.namespace
        self.kube.apply(self.manifest("namespace").replace("NAMESPACE", name))
        self._helm("dev-deps", f"sandbox.image.tag={self._images.now}")
        self.upgrade_to_now()
        self.kube.apply(self.manifest("front-door"))
        node = self._node()
        for service in SERVICES:
            port = self.kube.kubectl("get", "service", f"door-{service}", "-o", "jsonpath={.spec.ports[0].nodePort}")
            self.urls[service] = f"http://{node}:{port}"
        self._make_staff()

    def upgrade_to_now(self, *more: str) -> None:
        """Bring the platform to this tree's images and wait until it is ready; `more` goes to helm."""
        self._upgrade(dict.fromkeys(SERVICES, self._images.now), *more)

    def upgrade_to_next(self, *services: str) -> None:
        """N to N+1, the same tree with one more migration, for these services or for all."""
        tags = {
            name: self._images.following if name in (services or SERVICES) else self._images.now for name in SERVICES
        }
        self._upgrade(tags)

    def roll_back(self) -> None:
        """Go back to the release's previous revision, and wait until it is ready."""
        self.kube.helm("rollback", "waybill", "--wait", "--timeout", "5m")

    def wait_until_ready(self) -> None:
        """Wait until every workload has all its pods."""
        for kind in ("statefulset", "deployment"):
            for item in self.kube.get(kind):
                self.kube.kubectl("rollout", "status", f"{kind}/{item['metadata']['name']}", "--timeout=5m")

    def schema(self, service: str) -> str:
        """Return the revision that a service's database is at."""
        secret = self.kube.secret(f"{service}-db-app")
        url = f"postgresql://{secret['username']}:{secret['password']}@127.0.0.1/{secret['dbname']}"
        query = ("psql", "-At", url, "-c", "SELECT version_num FROM alembic_version")
        return self.kube.execute("pod/postgres-0", *query).strip()

    def caller(self, account: Account) -> Caller:
        """Return a stubborn client that comes in from outside."""
        return Caller(self.urls["auth"], self.urls["orders"], account)

    def image(self, service: str) -> str:
        """Return the image of this tree's version of a service."""
        return f"{self._images.registry}/waybill/{service}:{self._images.now}"

    def manifest(self, name: str) -> str:
        """Return one of the tests' own manifests."""
        return (HERE / "manifests" / f"{name}.yaml").read_text("utf-8")

    @contextmanager
    def sources(self) -> Iterator[Sources]:
        """Reach databases, broker and mail page, past the policies, as long as the context lasts."""
        with ExitStack() as stack:
            postgres = stack.enter_context(self.kube.forward("pod/postgres-0", [5432]))[5432]
            rabbit = stack.enter_context(self.kube.forward("pod/rabbitmq-0", [5672]))[5672]
            mail = stack.enter_context(self.mail_page())
            databases = {name: self._database(name, postgres) for name in _DATABASES}
            broker = self.kube.secret("waybill-mq-default-user")
            amqp = f"amqp://{broker['username']}:{broker['password']}@127.0.0.1:{rabbit}/%2F"
            yield Sources(databases, amqp, mail)

    @contextmanager
    def mail_page(self) -> Iterator[str]:
        """Reach the mail catcher's page as long as the context lasts."""
        with self.kube.forward("deploy/mail", [8025]) as ports:
            yield f"http://127.0.0.1:{ports[8025]}"

    def pods(self, service: str, component: str) -> list[dict[str, Any]]:
        """Return the pods of one process kind, those on their way out left away."""
        labels = f"app.kubernetes.io/name={service},app.kubernetes.io/component={component}"
        return [pod for pod in self.kube.get("pods", "-l", labels) if "deletionTimestamp" not in pod["metadata"]]

    def remove(self) -> None:
        """Remove the namespace and what is in it."""
        self.kube.kubectl("delete", "namespace", self.kube.namespace, "--ignore-not-found", "--wait=true")

    def _upgrade(self, tags: dict[str, str], *more: str) -> None:
        self._helm("platform", *(f"{service}.image.tag={tag}" for service, tag in tags.items()), more=more)

    def _helm(self, chart: str, *texts: str, more: Sequence[str] = ()) -> None:
        """Install or upgrade a chart's release, pulling from the test's registry, and wait until it is ready."""
        release = "waybill" if chart == "platform" else chart
        values = ["--values", str(HERE / "values" / f"{chart}.yaml")]
        pinned = [part for text in texts for part in ("--set-string", text)]
        registry = ["--set-string", f"global.imageRegistry={self._images.registry}"]
        command = ["upgrade", "--install", release, str(built() / chart), *values, *registry, *pinned, *more]
        self.kube.helm(*command, "--wait", "--timeout", "5m")

    def _node(self) -> str:
        addresses = self.kube.get("nodes")[0]["status"]["addresses"]
        return next(str(address["address"]) for address in addresses if address["type"] == "InternalIP")

    def _database(self, name: str, port: int) -> str:
        secret = self.kube.secret(f"{name}-db-app")
        return f"postgresql://{secret['username']}:{secret['password']}@127.0.0.1:{port}/{secret['dbname']}"

    def _make_staff(self) -> None:
        """The first administrator comes by command, as everywhere: its one-time link is followed as people do."""
        printed = self.kube.execute("deploy/auth-web", "auth", "users", "create-admin", _STAFF)
        link = _LINK.search(printed)
        if link is None:
            raise AssertionError(f"auth users create-admin printed no link: {printed}")
        path = "/v1/email/verify" if link[1] == "verify" else "/v1/password/reset"
        body = {"token": link[2], "password": self.staff.password}
        answer = requests.post(self.urls["auth"] + path, json=body, timeout=30)
        assert answer.status_code == 204, answer.text

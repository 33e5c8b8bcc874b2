"""Builds the images of this tree and of the next version, and puts them where the cluster pulls from."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from tests.cluster.deployment import ROOT, SERVICES, Images
from tests.cluster.kube import run

_MIGRATIONS = Path("services/orders/src/waybill_orders/migrations/versions")
_CONTEXT = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "requirements",
    "libs",
    "services",
    "sandbox",
    "standalone",
)
_BUILD_SECONDS = 20 * 60.0


def build_images(registry: str) -> Images:
    """Build and push; the tags are new each time, as a node does not ask again for one that it has."""
    stamp = int(time.time())
    images = Images(registry, f"test-{stamp}-n", f"test-{stamp}-n1")
    for name in (*SERVICES, "sandbox"):
        _build(ROOT, name, f"{registry}/waybill/{name}:{images.now}")
    with tempfile.TemporaryDirectory(prefix="waybill-next-") as folder:
        following = _next_version(Path(folder))
        for name in SERVICES:
            _build(following, name, f"{registry}/waybill/{name}:{images.following}")
    return images


def _build(context: Path, name: str, image: str) -> None:
    settings = {"IMAGE": image, "PUSH_IMAGE": "true", "BUILD_CONTEXT": str(context)}
    environment = {**os.environ, **settings}  # noqa: TID251 - handed on to the builder
    run([str(ROOT / "tools" / "build-image.sh"), name], "", _BUILD_SECONDS, environment)


def _next_version(folder: Path) -> Path:
    """Copy what an image is made of and add the migration."""
    skip = shutil.ignore_patterns("__pycache__", "tests", ".*_cache")
    for name in _CONTEXT:
        source = ROOT / name
        (shutil.copytree(source, folder / name, ignore=skip) if source.is_dir() else shutil.copy(source, folder / name))
    for migration in (Path(__file__).parent / "next_version").glob("0*.py"):
        shutil.copy(migration, folder / _MIGRATIONS / migration.name)
    return folder

"""Each image, built once for the run by the script that skaffold calls, and read back from a registry."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from waybill_testkit.waiting import eventually, free_port

from tests.images.image import Image, read_image

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "tools" / "build-image.sh"
ENVIRON = dict(os.environ)  # noqa: TID251 - handed on to the builder


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """WAYBILL_REGISTRY, else Debian's docker-registry as a process of our own."""
    if given := ENVIRON.get("WAYBILL_REGISTRY"):
        yield given
        return
    if shutil.which("docker-registry") is None:
        pytest.skip("no registry: set WAYBILL_REGISTRY or install docker-registry")
    folder, port = tmp_path_factory.mktemp("registry"), free_port()
    settings = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "log": {"level": "error"},
    }
    (folder / "registry.json").write_text(json.dumps(settings))
    with subprocess.Popen(["docker-registry", "serve", str(folder / "registry.json")]) as process:
        try:
            eventually(lambda: _answers(f"http://127.0.0.1:{port}/v2/"))
            yield f"localhost:{port}"
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def image(registry: str) -> Callable[[str], Image]:
    """`image("auth")` builds and pushes as skaffold has it done, and returns what the registry got."""
    if not ENVIRON.get("WAYBILL_IMAGE_BUILDER") and not shutil.which("podman") and not shutil.which("docker"):
        pytest.skip("no builder: install podman or docker, or name one in WAYBILL_IMAGE_BUILDER")
    built: dict[str, Image] = {}

    def build(name: str) -> Image:
        if name not in built:
            tag = f"test-{secrets.token_hex(4)}"
            contract = {
                "IMAGE": f"{registry}/waybill/{name}:{tag}",
                "PUSH_IMAGE": "true",
                "BUILD_CONTEXT": str(ROOT),
                "PLATFORMS": "",
                "SKIP_TEST": "true",
            }
            run = subprocess.run(
                [BUILD, name], env=ENVIRON | contract, cwd="/", capture_output=True, text=True, check=False
            )
            assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-4000:]
            built[name] = read_image(registry, f"waybill/{name}", tag)
        return built[name]

    return build


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False

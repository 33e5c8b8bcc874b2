"""An image as a registry holds it: its configuration, and its files with every layer laid over the ones below."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import requests

_ACCEPT = ", ".join(
    (
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
    )
)
_HIDDEN, _EMPTIED = ".wh.", ".wh..wh..opq"
_SMALL = 64 * 1024


@dataclass(frozen=True)
class File:
    """A file or folder of an image; `content` is there for small files alone."""

    mode: int
    owner: int
    is_folder: bool
    content: bytes = b""


@dataclass
class Files:
    """What a process in the image sees (`visible`), and what the layers below still hold (`hidden`)."""

    visible: dict[str, File] = field(default_factory=dict)
    hidden: dict[str, File] = field(default_factory=dict)

    def add_layer(self, layer: Iterable[tuple[tarfile.TarInfo, bytes]]) -> None:
        """Lay a layer over the ones before: https://github.com/opencontainers/image-spec/blob/main/layer.md."""
        members = [("/" + member.name.removeprefix("./").strip("/"), member, content) for member, content in layer]
        for name, _, _ in members:
            folder, leaf = str(PurePosixPath(name).parent).rstrip("/"), PurePosixPath(name).name
            if leaf == _EMPTIED:
                self._hide(folder, with_itself=False)
            elif leaf.startswith(_HIDDEN):
                self._hide(f"{folder}/{leaf.removeprefix(_HIDDEN)}", with_itself=True)
        for name, member, content in members:
            # Neither links nor the devices that some bases have: a container gets a /dev of its own.
            if not PurePosixPath(name).name.startswith(_HIDDEN) and (member.isreg() or member.isdir()):
                self.visible[name] = File(member.mode, member.uid, member.isdir(), content)

    def _hide(self, path: str, *, with_itself: bool) -> None:
        for name in [name for name in self.visible if name.startswith(f"{path}/") or (with_itself and name == path)]:
            self.hidden[name] = self.visible.pop(name)


@dataclass(frozen=True)
class Image:
    """`config` is the image's configuration (User, Entrypoint, Env …), `pulled_bytes` what a node fetches."""

    digest: str
    config: dict[str, Any]
    history: list[str]
    pulled_bytes: int
    files: Files


def read_image(registry: str, repository: str, tag: str) -> Image:
    """Fetch an image from a registry without TLS."""
    base = f"http://{registry}/v2/{repository}"
    answer = requests.get(f"{base}/manifests/{tag}", headers={"Accept": _ACCEPT}, timeout=60)
    answer.raise_for_status()
    manifest = answer.json()
    config = _blob(base, manifest["config"]["digest"])
    files = Files()
    for layer in manifest["layers"]:
        files.add_layer(members_of(_blob(base, layer["digest"])))
    told = json.loads(config)
    return Image(
        digest=answer.headers["Docker-Content-Digest"],
        config=told["config"],
        history=[one.get("created_by", "") for one in told["history"]],
        pulled_bytes=sum(layer["size"] for layer in manifest["layers"]),
        files=files,
    )


def members_of(layer: bytes) -> Iterable[tuple[tarfile.TarInfo, bytes]]:
    """Each member of a layer, with its content where that is small."""
    with tarfile.open(fileobj=io.BytesIO(layer), mode="r:*") as archive:
        for member in archive:
            small = archive.extractfile(member) if member.isfile() and member.size < _SMALL else None
            yield member, small.read() if small else b""


def _blob(base: str, digest: str) -> bytes:
    answer = requests.get(f"{base}/blobs/{digest}", timeout=120)
    answer.raise_for_status()
    return answer.content

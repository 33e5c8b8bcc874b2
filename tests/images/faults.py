"""What must not be in an image, as functions from its files to the paths that are at fault."""

from __future__ import annotations

import re
import stat
from pathlib import PurePosixPath

from tests.images.image import Files

_INSTALLERS = re.compile(r"(pip[0-9.]*|uvx?|hatchling|gcc|cc|g\+\+|make|ensurepip)$")
_SECRET_NAMES = re.compile(r"(\.env|\.netrc|\.pypirc|\.git|\.venv|id_(rsa|ed25519)|\.npmrc)$")
# A line that begins so; the code that looks for such lines is no secret.
_SECRET_TEXT = re.compile(
    rb"^(-----BEGIN [A-Z ]*PRIVATE KEY-----|\s*(extra-)?index-url\s*=)|://[^/\s:@]+:[^/\s:@]+@[a-z0-9.-]+\.[a-z]+/simple",
    re.M,
)


def giving_rights(files: Files) -> list[str]:
    """Programs that run with another user's or group's rights."""
    return [
        name for name, file in files.visible.items() if not file.is_folder and file.mode & (stat.S_ISUID | stat.S_ISGID)
    ]


def writable_by_all(files: Files) -> list[str]:
    """Files anybody may write, and folders where anybody may remove what is another's."""
    return [
        name
        for name, file in files.visible.items()
        if file.mode & stat.S_IWOTH and not (file.is_folder and file.mode & stat.S_ISVTX)
    ]


def code_that_can_change(files: Files) -> list[str]:
    """Parts of the environment that the process could write."""
    code = ((name, file) for name, file in files.visible.items() if name.startswith("/opt/waybill"))
    return [name for name, file in code if file.owner != 0 or file.mode & (stat.S_IWGRP | stat.S_IWOTH)]


def installers(files: Files) -> list[str]:
    """Package installers and compilers."""
    places = ("/bin/", "/sbin/", "/site-packages/", "/dist-packages/", "/lib/python")
    return [
        name
        for name in files.visible
        if _INSTALLERS.fullmatch(PurePosixPath(name).name) and any(place in name for place in places)
    ]


def secrets(files: Files) -> list[str]:
    """Names and contents that look like secrets, in every layer: what is hidden from a process is still pulled."""
    everything = {**files.hidden, **files.visible}
    return [
        name for name, file in everything.items() if _SECRET_NAMES.search(name) or _SECRET_TEXT.search(file.content)
    ]

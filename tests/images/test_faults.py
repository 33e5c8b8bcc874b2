"""The checks of the images see what is planted."""

import io
import tarfile

import pytest

from tests.images import faults
from tests.images.image import Files, members_of

pytestmark = pytest.mark.unit


def layer(*members):
    """A layer of (name, mode, content) for files, (name, mode, None) for folders."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, mode, content in members:
            info = tarfile.TarInfo(name)
            info.mode, info.type = mode, tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return out.getvalue()


def files(*layers):
    merged = Files()
    for one in layers:
        merged.add_layer(members_of(one))
    return merged


def test_a_plain_image_has_no_fault():
    plain = files(layer(("tmp", 0o1777, None), ("opt/waybill/bin/auth", 0o755, b""), ("etc/ssl/cert.pem", 0o644, b"")))
    every = (
        faults.giving_rights,
        faults.writable_by_all,
        faults.code_that_can_change,
        faults.installers,
        faults.secrets,
    )
    assert [check(plain) for check in every] == [[]] * 5


@pytest.mark.parametrize(
    ("check", "name", "mode", "content"),
    [
        (faults.giving_rights, "usr/bin/su", 0o4755, b""),
        (faults.giving_rights, "usr/bin/wall", 0o2755, b""),
        (faults.writable_by_all, "srv", 0o777, None),
        (faults.writable_by_all, "etc/motd", 0o666, b""),
        (faults.code_that_can_change, "opt/waybill/lib/a.py", 0o664, b""),
        (faults.installers, "usr/local/bin/pip3", 0o755, b""),
        (faults.installers, "usr/local/lib/python3.11/site-packages/pip", 0o755, None),
        (faults.installers, "usr/bin/gcc", 0o755, b""),
        (faults.secrets, "app/.env", 0o644, b""),
        (faults.secrets, "etc/key.pem", 0o644, b"-----BEGIN PRIVATE KEY-----\n"),
        (faults.secrets, "etc/pip.conf", 0o644, b"[global]\nindex-url = https://a:b@example.com/simple\n"),
    ],
)
def test_a_planted_fault_is_found(check, name, mode, content):
    assert check(files(layer((name, mode, content)))) == [f"/{name}"]


def test_a_removed_file_is_gone_for_the_process_and_still_looked_at_for_secrets():
    key = ("root/id_rsa", 0o600, b"")
    removed = files(
        layer(key, ("usr/bin/pip", 0o755, b"")), layer(("root/.wh.id_rsa", 0, b""), ("usr/bin/.wh.pip", 0, b""))
    )
    assert "/root/id_rsa" not in removed.visible
    assert faults.installers(removed) == []
    assert faults.secrets(removed) == ["/root/id_rsa"]

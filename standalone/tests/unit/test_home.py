"""The platform's folder: one owner at a time, secrets that stay and that nobody else reads."""

import json

import pytest
from waybill_standalone.home import Home, HomeError

pytestmark = pytest.mark.unit


def test_secrets_are_made_once_and_private(tmp_path):
    first = Home(tmp_path / "home")
    made = first.secret("database")
    assert first.secret("database") == made
    first.close()
    again = Home(tmp_path / "home")
    assert again.secret("database") == made
    assert (tmp_path / "home" / "secrets.json").stat().st_mode & 0o777 == 0o600
    again.close()


def test_a_second_platform_in_the_same_folder_is_refused(tmp_path):
    first = Home(tmp_path)
    with pytest.raises(HomeError, match=r"runs from .* already \(process \d+\).*WAYBILL_HOME"):
        Home(tmp_path)
    first.close()
    Home(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HomeError, match=r"cannot write to .*WAYBILL_HOME"):
        Home(tmp_path / "file" / "home")


def test_files_are_written_whole_or_not_at_all(tmp_path):
    home = Home(tmp_path)
    home.write("facts.json", {"name": "이름"})
    assert json.loads((tmp_path / "facts.json").read_text(encoding="utf-8")) == {"name": "이름"}
    with pytest.raises(TypeError):
        home.write("facts.json", {"bad": object()})
    assert json.loads((tmp_path / "facts.json").read_text(encoding="utf-8")) == {"name": "이름"}
    home.close()

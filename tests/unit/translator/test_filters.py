"""Filters: thin, so only what they add is tested here."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.continuum.im.plugins.filter.infrastructure import FilterModule, home_folders, role_digest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ChoiceError


def test_a_role_has_a_digest_of_its_files() -> None:
    assert len(role_digest("continuum.im.base")) == 64
    assert role_digest("continuum.im.base") != role_digest("continuum.im.infrastructure")
    assert role_digest("other.collection.role") == role_digest("continuum.im.nothing") == ""


def test_folders_of_an_infrastructure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUUM_HOME", "/h")
    assert home_folders("a") == ["/h/keys/a", "/h/projects/a"]
    with pytest.raises(ChoiceError):
        home_folders("../..")


def test_every_filter_is_documented() -> None:
    folder = Path(__file__).resolve().parents[3] / "plugins" / "filter"
    for name in FilterModule().filters():
        found = yaml.safe_load((folder / f"{name}.yml").read_text(encoding="utf-8"))
        assert found["DOCUMENTATION"]["name"] == name
    assert {path.stem for path in folder.glob("*.yml")} == set(FilterModule().filters())

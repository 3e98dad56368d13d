"""The lookup plugin: a project on disk, a dry run that leaves nothing, errors without a traceback."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible_collections.continuum.im.plugins.lookup.tosca_playbook import LookupModule

Look = Callable[..., Path]


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    monkeypatch.setenv("CONTINUUM_HOME", str(tmp_path))

    def run(template: str, options: dict[str, Any] | None = None, **variables: Any) -> Path:
        monkeypatch.setattr(context, "CLIARGS", ImmutableDict(options or {}))
        return Path(LookupModule().run([template], variables)[0])

    return run


def test_a_project_is_written(look: Look, tmp_path: Path) -> None:
    path = look("slurm", infrastructure="mine", inputs={"wn_num": 1})
    assert path == tmp_path / "projects" / "mine" / "deploy.yml"
    assert (path.parent / "topology.yml").exists()


def test_values_with_the_tags_of_ansible_are_plain_data(look: Look) -> None:
    tagged = DataLoader().load(
        '{"inputs": {"wn_num": 3, "slurm_dbd": true, "fe_dns_name": "a.b"}, "infrastructure": "mine"}'
    )
    text = (look("slurm", **tagged).parent / "topology.yml").read_text()
    assert "count: 3" in text
    assert "a.b" in text


@pytest.mark.parametrize("option", ["check", "syntax", "listtasks"])
def test_a_dry_run_leaves_nothing(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    at_exit: list[Any] = []
    monkeypatch.setattr(atexit, "register", lambda *call, **_named: at_exit.append(call))
    path = look("slurm", {option: True})
    assert path.exists()
    assert list(tmp_path.iterdir()) == []
    function, *arguments = at_exit[0]
    function(*arguments)
    assert not path.exists()


def test_problems_are_one_error(look: Look) -> None:
    with pytest.raises(AnsibleLookupError, match="Did you mean 'slurm'"):
        look("slrum")


def test_one_template_at_a_time() -> None:
    with pytest.raises(AnsibleLookupError, match="exactly one"):
        LookupModule().run([], {})

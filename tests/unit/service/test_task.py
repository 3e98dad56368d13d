# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes into a run: extra variables, environment, files; and what comes back as key files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from service.config import Config
from service.db.engine import session_scope
from service.db.models import Infrastructure
from service.operations import keys
from service.operations.execute import AnsibleExecutor, DummyExecutor, executor_for, secret_file
from service.operations.task import Task, environment_of_runs, private_folder, write_inputs
from sqlalchemy import Engine

pytestmark = pytest.mark.unit


def task(kind: str = "create", cloud: str = "local", fence: int = 1, **values: Any) -> Task:
    arguments = values.pop("arguments", {})
    return Task(5, fence, 1, kind, arguments, "id-1", "im-1", cloud, "text", 1, **values)


def test_variables_of_a_deployment() -> None:
    wanted = [{"id": 0, "node": "a"}]
    job = task(inputs={"n": 1}, options={"sizes": {"a": "big"}, "images": {}}, wanted=wanted)
    assert job.playbook == "deploy"
    assert job.variables("/t.yaml") == {
        "infrastructure": "im-1",
        "cloud": "local",
        "template": "/t.yaml",
        "inputs": {"n": 1},
        "sizes": {"a": "big"},
        "instances": wanted,
        "reconfigure": False,
    }
    assert "instances" not in task().variables("/t.yaml")
    assert "configure" not in job.variables("")
    assert task("add", arguments={"configure": False}).variables("")["configure"] is False
    some = task("reconfigure", arguments={"hosts": [0, 3]}, wanted=wanted)
    assert some.variables("")["configure"] == [0]
    assert task("reconfigure").variables("")["reconfigure"] is True
    assert task("reconfigure", arguments={"reconfigure": False}).variables("")["reconfigure"] is False


@pytest.mark.parametrize(
    ("kind", "arguments", "playbook", "more"),
    [
        ("delete", {}, "destroy", {}),
        ("stop", {"hosts": [1, 2]}, "stop", {"host": ["1", "2"]}),
        ("start", {}, "start", {}),
        ("snapshot", {"vm_id": 1, "name": "s"}, "snapshot", {"host": "1", "snapshot": "s"}),
    ],
)
def test_variables_of_others(kind: str, arguments: dict[str, Any], playbook: str, more: dict[str, Any]) -> None:
    job = task(kind, arguments=arguments)
    assert job.playbook == playbook
    assert job.variables("") == {"infrastructure": "im-1", "cloud": "local", **more}


def test_secrets_of_a_run() -> None:
    inputs = {"admin_password": "one", "wn_num": "2", "api_token": {"deep": ["three"]}}
    assert task(inputs=inputs).secrets({"AWS_SECRET_ACCESS_KEY": "four", "AWS_REGION": "five"}) == [
        "four",
        "one",
        "three",
    ]
    assert "three" not in repr(task(inputs=inputs))


def test_the_environment_holds_nothing_of_the_service(config: Config) -> None:
    given = {"PATH": "/bin", "CONTINUUM_SECRET_KEY": "k", "AWS_SECRET_ACCESS_KEY": "s", "ANSIBLE_FORKS": "5", "X": "y"}
    found = environment_of_runs(config, given)
    assert found["CONTINUUM_HOME"] == config.home
    assert (found["PATH"], found["ANSIBLE_FORKS"]) == ("/bin", "5")
    assert not {"CONTINUUM_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "X"} & set(found)


def test_files_of_a_run_are_private_and_go(config: Config) -> None:
    job = task(inputs={"password": "hush"})
    with private_folder(config, job) as folder:
        variables = write_inputs(folder, job)
        assert json.loads(variables.read_text())["template"] == str(folder / "template.yaml")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {item.stat().st_mode & 0o777 for item in folder.iterdir()} == {0o600}
    assert list(config.run_folder.iterdir()) == []


def test_what_a_dead_worker_left_goes_and_a_late_one_takes_only_its_own(config: Config) -> None:
    with private_folder(config, task(fence=1)):
        with private_folder(config, task(fence=2)) as new:
            assert list(config.run_folder.iterdir()) == [new]
            new.joinpath("x").touch()
        assert list(config.run_folder.iterdir()) == []
    assert list(config.run_folder.iterdir()) == []


def test_the_secret_file_is_nowhere_on_disk() -> None:
    with secret_file({"A": "hush"}) as path:
        assert json.loads(Path(path).read_text()) == {"A": "hush"}
        assert os.readlink(path).startswith("/memfd:")
    assert not os.path.exists(path)


def test_the_simulated_cloud_is_chosen(config: Config) -> None:
    assert isinstance(executor_for(config, task()), AnsibleExecutor)
    assert isinstance(executor_for(config, task(cloud="dummy")), DummyExecutor)
    simulated = Config.load({"CONTINUUM_HOME": config.home, "CONTINUUM_DUMMY_CLOUD": "1"})
    assert isinstance(executor_for(simulated, task()), DummyExecutor)


def test_keys_move_to_another_machine(engine: Engine, config: Config) -> None:
    with session_scope(engine) as session:
        session.add(Infrastructure(id="id-1", name="im-1"))
    folder = keys.key_folder(config, "im-1")
    folder.mkdir(parents=True)
    for name in ("id_ed25519", "id_ed25519.pub", "random-abc", "known_hosts"):
        folder.joinpath(name).write_text(f"text of {name}")
    with session_scope(engine) as session:
        keys.seal(session, "id-1", keys.read_files(config, "im-1"))
        keys.seal(session, "id-1", keys.read_files(config, "im-1"))
    folder.joinpath("id_ed25519").unlink()
    folder.joinpath("random-abc").write_text("changed")
    with session_scope(engine) as session:
        assert keys.private_key(session, "id-1") == "text of id_ed25519"
        keys.restore(session, config, "id-1", "im-1")
    assert folder.joinpath("id_ed25519").read_text() == "text of id_ed25519"
    assert folder.joinpath("id_ed25519").stat().st_mode & 0o777 == 0o600
    assert folder.joinpath("random-abc").read_text() == "changed"
    with session_scope(engine) as session:
        keys.forget(session, config, "id-1", "im-1")
        assert keys.private_key(session, "id-1") is None
    assert not folder.exists()

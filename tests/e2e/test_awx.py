# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same template by ansible-playbook, by a job of AWX and by the service gives the same hosts.

Each job of AWX begins in an empty workspace: what the next one needs comes from the cloud and from credentials.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, World, template_survey

from awx_job import Job, make_project, run_job
from awx_rules import answer_problems, is_playbook, job_variables, survey_problems
from served import Client, running_service

from .conftest import REPOSITORY, Deployer, left_over

pytestmark = pytest.mark.e2e
NAME = "e2e-awx-jobs"
USER = "id = local; type = Local\ntype = InfrastructureManager; username = user; password = pass\n"
ANSWERS = {"infrastructure": NAME, "cloud": "local", "im_input_wn_num": 1, "im_input_fe_dns_name": ""}
# What differs between two infrastructures, whoever makes them.
OWN = {"cloud_id", "name", "public_ip", "private_ip", "ports", "fresh", "disks"}


@dataclass
class Awx:
    """The project, a survey, and the file of the key that is a credential."""

    project: Path
    survey: dict[str, Any]
    key: Path

    def shell(self, host: dict[str, Any], command: str) -> str:
        """Run a command on a host, with the key of the credential."""
        options = ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        words = ["ssh", "-i", str(self.key), *options, f"{host['user']}@{host['public_ip']}", command]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def deploy(self, check: bool = False, **answers: Any) -> Job:
        """Launch the job template that deploys."""
        given = {**ANSWERS, **answers}
        assert answer_problems(self.survey, given) == []
        return self.launch("deploy", check, **job_variables(self.survey, {"template": "slurm"}, given))

    def launch(self, playbook: str, check: bool = False, **variables: Any) -> Job:
        """Launch a job; it must succeed, and must not show its key."""
        path = f"playbooks/{playbook}.yml"
        assert is_playbook(self.project, path)
        job = run_job(self.project, path, variables, {"IM_PRIVATE_KEY": self.key.read_text()}, check)
        assert job.status == "successful", job.output
        assert "PRIVATE KEY" not in job.output + str(job.artifacts)
        return job


@pytest.fixture(scope="module")
def awx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Awx]:
    folder = tmp_path_factory.mktemp("awx")
    key = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=60)
    world = World(str(folder), Home(str(folder)), {}, dry=True)
    survey = template_survey("slurm", ["aws", "local"], world)
    assert survey_problems(survey) == []
    found = Awx(make_project(folder), survey, key)
    try:
        yield found
    finally:
        if any(left_over(NAME).values()):
            found.launch("destroy", infrastructure=NAME, cloud="local")
        assert not any(left_over(NAME).values())


@pytest.fixture(scope="module")
def by_job(awx: Awx) -> Job:
    """The first job."""
    plan = awx.deploy(check=True)
    assert not any(left_over(NAME).values())
    assert not [name for name in plan.files if "keys/" in name]
    return awx.deploy()


def normal(instances: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [{key: value for key, value in item.items() if key not in OWN} for item in instances]
    return sorted(found, key=lambda item: int(item["id"]))


@pytest.mark.long
def test_three_ways_one_result(awx: Awx, by_job: Job, tmp_path_factory: pytest.TempPathFactory) -> None:
    deployer = Deployer(tmp_path_factory.mktemp("home"), "e2e-awx-playbook")
    try:
        by_playbook = deployer.deploy(wn_num=1).progress["result"]
    finally:
        deployer.run("destroy")
    assert normal(by_job.artifacts["instances"]) == normal(by_playbook["instances"])
    assert sorted(by_job.artifacts["outputs"]) == sorted(by_playbook["outputs"])
    with running_service(_folder(tmp_path_factory)) as service:
        by_service = _served(service)
    assert by_service == [
        (item["id"], item["node"], item["cpus"], item["memory"]) for item in normal(by_playbook["instances"])
    ]
    # Questions that are left empty.
    for playbook in ("stop", "start"):
        awx.launch(playbook, infrastructure=NAME, cloud="local", host="")


def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("im")
    (folder / "user.dat").write_text(USER)
    return folder


def _served(service: Client) -> list[tuple[Any, ...]]:
    """Deploy by the service; return number, group and size of its hosts."""
    template = service.folder / "slurm.yaml"
    text = (REPOSITORY / "playbooks" / "tosca" / "templates" / "slurm.yaml").read_text(encoding="utf-8")
    wanted = "description: Number of workers\n      default: 2"
    assert wanted in text
    template.write_text(text.replace(wanted, wanted[:-1] + "1"))
    service.run("create", str(template))
    (key,) = service.keys()
    try:
        states = service.wait(key)
        assert set(states.values()) == {"configured"}
        found = []
        for number in sorted(states, key=int):
            facts = [
                service.run("getvminfo", key, number, name, quiet=True).strip() for name in ("cpu.count", "memory.size")
            ]
            about = service.run("getvminfo", key, number)
            node = "wn" if "system wn" in about else "front"
            found.append((int(number), node, int(facts[0]), int(facts[1])))
        return found
    finally:
        service.run("destroy", key, "-y")
        assert not any(left_over(f"im-{key}").values())


def test_other_workspaces_go_on(awx: Awx, by_job: Job) -> None:
    """The key is that of the credential, so nothing changes but what was asked for."""
    assert by_job.files[f".continuum/keys/{NAME}/id_ed25519"] == 0o600
    more = awx.deploy(im_input_wn_num=2)
    before, after = ({item["id"]: item for item in job.artifacts["instances"]} for job in (by_job, more))
    assert sorted(after) == [0, 1, 2]
    assert {number: after[number]["cloud_id"] for number in before} == {
        number: before[number]["cloud_id"] for number in before
    }
    assert set(awx.shell(after[0], "sinfo -h -N -o %n").split()) == {"vnode-1", "vnode-2"}
    awx.launch("destroy", infrastructure=NAME, cloud="local")
    assert not any(left_over(NAME).values())

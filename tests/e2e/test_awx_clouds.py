# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of AWX on clouds where only the front end has a public address.

Every job begins in an empty workspace: the hosts behind the front end are reached with the key that is a credential.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from awx_job import Job, make_project, run_job

from .clouds import CLOUDS, CloudUnderTest
from .conftest import PREFIX

pytestmark = [pytest.mark.e2e, pytest.mark.long]


class Jobs:
    """Launches jobs for one infrastructure of a cloud, with the cloud's credentials and a key."""

    def __init__(self, cloud: CloudUnderTest, folder: Path) -> None:
        self.cloud = cloud
        self.name = f"{PREFIX}awx-on-{cloud.name}"
        self.project = make_project(folder)
        key = folder / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=60)
        self.environment = {**cloud.environment, "IM_PRIVATE_KEY": key.read_text()}

    def launch(self, playbook: str, **variables: Any) -> Job:
        """Run a job; it must succeed, and must not show its key."""
        given = {"infrastructure": self.name, "cloud": self.cloud.name, **variables}
        job = run_job(self.project, f"playbooks/{playbook}.yml", given, self.environment)
        assert job.status == "successful", job.output
        assert "PRIVATE KEY" not in job.output + str(job.artifacts)
        return job

    def deploy(self, workers: int) -> dict[int, dict[str, Any]]:
        """Deploy the SLURM cluster with some workers; return its hosts by number."""
        job = self.launch("deploy", template="slurm", im_input_wn_num=workers)
        assert job.files[f".continuum/keys/{self.name}/id_ed25519"] == 0o600
        return {int(item["id"]): item for item in job.artifacts["instances"]}


@pytest.mark.parametrize("cloud", [name for name in CLOUDS if name != "local"], indirect=True)
def test_three_workspaces_one_cluster(cloud: CloudUnderTest, tmp_path: Path) -> None:
    jobs = Jobs(cloud, tmp_path)
    try:
        before = jobs.deploy(1)
        after = jobs.deploy(2)
        assert {number: after[number]["cloud_id"] for number in before} == {
            number: item["cloud_id"] for number, item in before.items()
        }
        assert sorted(after) == [0, 1, 2]
        assert [number for number, item in after.items() if item.get("public_ip")] == [0]
        assert len(cloud.hosts(jobs.name)) == 3
    finally:
        jobs.launch("destroy")
    assert cloud.left_over(jobs.name) == {}

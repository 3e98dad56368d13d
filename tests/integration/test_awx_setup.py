# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/awx_setup.yml with the modules of awx.awx, against an API that checks what AWX checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from awx_rules import answer_problems, survey_problems
from fake_awx import TOKEN, FakeAwx, running_awx

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
AWX_MODULES = next(Path(sys.prefix).glob("lib/python*/site-packages/ansible_collections/awx/awx"), None)


def set_up(awx: FakeAwx, folder: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    given = {"awx_image": "localhost/continuum-im-ee", "awx_clouds": ["openstack", "lambda"], **variables}
    return subprocess.run(
        [str(PLAYBOOK), "continuum.im.awx_setup", "-e", json.dumps(given)],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "CONTINUUM_HOME": str(folder),
            "CONTROLLER_HOST": awx.address,
            "CONTROLLER_OAUTH_TOKEN": TOKEN,
        },
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(AWX_MODULES is None, reason="needs the collection awx.awx")
def test_everything_is_set_up_once(tmp_path: Path) -> None:
    with running_awx(REPOSITORY) as awx:
        done = set_up(awx, tmp_path, awx_templates=["function", "slurm"], awx_playbooks=["destroy", "stop"])
        assert done.returncode == 0, done.stdout + done.stderr
        _templates(awx)
        _credential_types(awx)
        host = awx.named("hosts", "localhost")
        assert json.loads(host["variables"])["ansible_python_interpreter"] == "{{ ansible_playbook_python }}"
        awx.changes.clear()
        again = set_up(awx, tmp_path, awx_templates=["slurm"], awx_playbooks=["stop"])
        assert again.returncode == 0, again.stdout + again.stderr
        assert awx.changes == []
        assert "changed=0" in again.stdout


def _templates(awx: FakeAwx) -> None:
    names = {item["name"]: item for item in awx.items["job_templates"].values()}
    assert sorted(names) == ["Deploy function", "Deploy slurm", "Destroy an infrastructure", "Stop an infrastructure"]
    for item in names.values():
        assert item["survey_enabled"] is True
        assert survey_problems(awx.surveys[item["id"]]) == []
    slurm = names["Deploy slurm"]
    assert json.loads(slurm["extra_vars"]) == {"template": "slurm"}
    survey = awx.surveys[slurm["id"]]
    answers = {"infrastructure": "mine", "cloud": "openstack", "im_input_wn_num": 2}
    assert answer_problems(survey, answers) == []
    assert answer_problems(survey, {**answers, "im_input_wn_num": -1}) == ["im_input_wn_num: too small"]
    assert awx.surveys[names["Deploy function"]["id"]]["spec"][1]["choices"] == ["lambda"]


def _credential_types(awx: FakeAwx) -> None:
    key = awx.named("credential_types", "continuum.im key pair")
    assert key["injectors"] == {"env": {"IM_PRIVATE_KEY": "{{ private_key }}"}}
    secrets = [
        item["id"]
        for kind in awx.items["credential_types"].values()
        for item in kind["inputs"]["fields"]
        if not item.get("secret")
    ]
    assert sorted(secrets) == ["access_key", "endpoint", "region"]


@pytest.mark.skipif(AWX_MODULES is None, reason="needs the collection awx.awx")
def test_nothing_is_made_when_a_template_is_unknown(tmp_path: Path) -> None:
    with running_awx(REPOSITORY) as awx:
        done = set_up(awx, tmp_path, awx_templates=["slrum"])
        assert done.returncode != 0
        assert "Did you mean 'slurm'" in done.stdout
        assert awx.changes == []

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook in the real sandbox, on the controller only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.runner import Job, require_sandbox, run, trouble
from ansible_collections.continuum.im.plugins.plugin_utils._translate import COLLECTION

pytestmark = pytest.mark.integration
PLAYBOOK = """
- name: On the controller
  hosts: localhost
  gather_facts: false
  become: true
  vars: {im_play: a_play}
  tasks:
    - name: hosts
      ansible.builtin.debug: {msg: "{{ im_known.instances | map(attribute='name') | list }}"}
    - name: environment
      ansible.builtin.debug: {msg: "{{ lookup('env', 'IM_INPUT_A') }}-{{ lookup('env', 'AWS_SECRET_ACCESS_KEY') }}"}
    - name: kept
      ansible.builtin.debug: {msg: "{{ lookup('password', '/var/tmp/kept') }}"}
    - name: Ask a service of this machine
      ansible.builtin.uri: {url: "http://127.0.0.1/"}
      when: ask | default(false) | bool
"""


@pytest.fixture
def job(tmp_path: Path) -> Job:
    reason = trouble()
    if reason:
        pytest.skip(reason)
    (tmp_path / "project").mkdir()
    (tmp_path / "keys").mkdir()
    (tmp_path / "project" / "play.yml").write_text(PLAYBOOK)
    host = {"name": "h-0", "private_ip": "10.0.0.5", "public_ip": None}
    return Job(str(tmp_path / "project"), str(tmp_path / "keys"), "play.yml", COLLECTION, [host])


def test_a_run_in_the_sandbox(job: Job) -> None:
    given = {**os.environ, "IM_INPUT_A": "input", "AWS_SECRET_ACCESS_KEY": "hush"}
    lines: list[str] = []
    first, second = run(job, given, lines.append), run(job, given, lines.append)
    assert first.code == 0, lines
    tasks = first.progress["output"]["a_play"]["tasks"]
    assert tasks["hosts"]["output"] == ["h-0"]
    assert tasks["environment"]["output"] == "input-"
    assert tasks["kept"] == second.progress["output"]["a_play"]["tasks"]["kept"]
    assert any("On the controller" in line for line in lines)
    assert first.refused == []


def test_a_plan_leaves_nothing_behind(job: Job, tmp_path: Path) -> None:
    (tmp_path / "keys").rmdir()
    assert run(job, os.environ, lambda _line: None).code == 0
    assert not (tmp_path / "keys").exists()


def test_what_was_refused_is_told(job: Job) -> None:
    ended = run(Job(**{**vars(job), "variables": {"ask": True}}), os.environ, lambda _line: None)
    assert ended.code != 0
    assert ended.refused == ["127.0.0.1 (127.0.0.1) is not a public address"]


def test_without_a_sandbox_nothing_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nothing")
    with pytest.raises(ContinuumError, match="bubblewrap is not installed"):
        require_sandbox()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The task file `key` of the role infrastructure: a key pair that is made, and one that comes with the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")
PLAY = """---
- name: Have a key pair
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Call the role
      ansible.builtin.import_role:
        name: continuum.im.infrastructure
        tasks_from: key
    - name: Show the public key
      ansible.builtin.debug:
        msg: "public {{ infrastructure_public_key }}"
"""


def make_key(path: Path) -> tuple[str, str]:
    """Return a private and a public key."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=60)
    return path.read_text(), path.with_name(f"{path.name}.pub").read_text()


def play(folder: Path, key: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "play.yml").write_text(PLAY)
    variables = {"im_infrastructure": "mine", "im_key_file": str(folder / "keys" / "id_ed25519")}
    return subprocess.run(
        [str(PLAYBOOK), str(folder / "play.yml"), "-e", json.dumps(variables), "-vvv", *options],
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "IM_PRIVATE_KEY": key,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_key_that_comes_with_the_run(tmp_path: Path) -> None:
    private, public = make_key(tmp_path / "given")
    file = tmp_path / "keys" / "id_ed25519"
    plan = play(tmp_path, private, "--check")
    assert plan.returncode == 0, plan.stdout
    assert not file.parent.exists()
    for _again in range(2):
        done = play(tmp_path, private)
        assert done.returncode == 0, done.stdout
        line = f"public {' '.join(public.split()[:2])} mine"
        assert line in plan.stdout
        assert line in done.stdout
        assert "PRIVATE KEY" not in done.stdout + done.stderr
    assert "changed=0" in done.stdout
    assert file.read_text() == private
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    other = play(tmp_path, make_key(tmp_path / "other")[0])
    assert other.returncode != 0
    assert "IM_PRIVATE_KEY is not the key pair of mine" in other.stdout
    assert file.read_text() == private


def test_a_key_that_is_made(tmp_path: Path) -> None:
    done = play(tmp_path, "")
    assert done.returncode == 0, done.stdout
    file = tmp_path / "keys" / "id_ed25519"
    assert file.stat().st_mode & 0o777 == 0o600
    assert " ".join(file.with_name("id_ed25519.pub").read_text().split()[:2]) in done.stdout
    assert "changed=0" in play(tmp_path, "").stdout


def test_what_is_no_key(tmp_path: Path) -> None:
    done = play(tmp_path, "nonsense")
    assert done.returncode != 0
    assert "holds no private key that can be used" in done.stdout + done.stderr

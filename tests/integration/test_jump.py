# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that lets SSH in from another host only: by hand, by Ansible, and by recipes in the sandbox."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._run.hosts import inventory_hosts, ssh_config
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.runner import Job, run, trouble
from ansible_collections.continuum.im.plugins.plugin_utils._translate import COLLECTION

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Add the host as the role infrastructure does
      ansible.builtin.add_host:
        name: "{{ item.name }}"
        groups: all_of_them
        ansible_host: "{{ item.address }}"
        ansible_user: "{{ item.user }}"
        ansible_ssh_private_key_file: "{{ key }}"
        ansible_ssh_common_args: "{{ item.ssh }}"
        ansible_control_path: "{{ item.control }}"
        ansible_ssh_retries: "{{ item.retries }}"
        ansible_python_interpreter: /usr/bin/python3
      loop: "{{ entries }}"
- hosts: all_of_them
  gather_facts: false
  tasks:
    - name: name
      ansible.builtin.command: hostname
      register: found
    - name: seen
      ansible.builtin.debug: {msg: "{{ found.stdout }}"}
"""


@dataclass
class Pair:
    """A front end and a host behind it."""

    instances: list[dict[str, Any]]
    keys: Path

    @property
    def entries(self) -> list[dict[str, Any]]:
        return inventory_hosts(self.instances, [], [], "local", str(self.keys / "id_ed25519"))

    def environment(self) -> dict[str, str]:
        paths = {"ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"), "ANSIBLE_LOCALHOST_WARNING": "False"}
        return {**os.environ, **paths, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg")}


def hosts(folder: Path, **options: Any) -> dict[str, Any]:
    """Call the module of the local cloud."""
    arguments = folder / "arguments.json"
    arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.continuum.im.plugins.modules.local_hosts", str(arguments)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "collections")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("needs podman and root")
    keys = tmp_path_factory.mktemp("jump")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / "id_ed25519")], check=True)
    name = f"jump-it-{secrets.token_hex(3)}"
    made = hosts(
        keys,
        infrastructure=name,
        networks=[{"name": "private"}],
        groups=[
            {"node": "front", "instance_name": "front", "count": 1, "public": True},
            {"node": "wn", "instance_name": "wn", "count": 1},
        ],
        public_key=(keys / "id_ed25519.pub").read_text().strip(),
        image_files=str(REPOSITORY / "roles" / "cloud_local" / "files" / "image"),
    )
    try:
        front, behind = made["ansible_facts"]["im_instances"]
        assert (behind["jump"], behind["disks"]) == (None, [])
        behind["jump"] = front["name"]
        only = f'from="{front["private_ip"]}" '
        restrict = f"sed -i 's/^/{only}/' /etc/continuum/authorized_keys"
        subprocess.run(["podman", "exec", behind["name"], "sh", "-c", restrict], check=True, timeout=60)
        (keys / "ssh_config").write_text(ssh_config([front, behind], str(keys / "id_ed25519")))
        yield Pair([front, behind], keys)
    finally:
        hosts(keys, infrastructure=name, state="absent")


def test_it_lets_in_nobody_else(pair: Pair) -> None:
    behind = pair.instances[1]
    words = ["ssh", "-F", "none", "-i", str(pair.keys / "id_ed25519"), "-o", "BatchMode=yes"]
    words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    done = subprocess.run([*words, f"{behind['user']}@{behind['private_ip']}", "true"], check=False, timeout=60)
    assert done.returncode == 255


def test_by_hand(pair: Pair) -> None:
    words = ["ssh", "-F", str(pair.keys / "ssh_config"), "-o", "BatchMode=yes", pair.instances[1]["hostname"]]
    done = subprocess.run([*words, "hostname"], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == pair.instances[1]["hostname"], done.stderr


def test_by_ansible(pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    given = json.dumps({"entries": pair.entries, "key": str(pair.keys / "id_ed25519")})
    words = [str(BIN / "ansible-playbook"), "-i", "localhost,", "-e", given, str(tmp_path / "play.yml")]
    done = subprocess.run(words, env=pair.environment(), capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    for item in pair.instances:
        assert f"msg: {item['hostname']}" in done.stdout


def test_by_recipes_in_the_sandbox(pair: Pair, tmp_path: Path) -> None:
    reason = trouble()
    if reason:
        pytest.skip(reason)
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    given = {"entries": pair.entries, "key": str(pair.keys / "id_ed25519")}
    job = Job(str(tmp_path), str(pair.keys), "play.yml", COLLECTION, pair.instances, variables=given)
    lines: list[str] = []
    ended = run(job, os.environ, lines.append)
    assert ended.code == 0, "\n".join(lines)
    assert ended.refused == []

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the modules of the local cloud as Ansible does, against the container engine of this machine."""

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

REPOSITORY = Path(__file__).resolve().parents[3]
MODULES = "ansible_collections.continuum.im.plugins.modules"
NETWORKS = [{"name": "public", "public": True}, {"name": "private"}]


def group(node: str, count: int, **more: Any) -> dict[str, Any]:
    return {"node": node, "instance_name": node, "count": count, "networks": ["private"], **more}


@dataclass
class Cloud:
    """An infrastructure of one test."""

    name: str
    folder: Path
    key: str

    def command(self, module: str, **options: Any) -> list[str]:
        arguments = self.folder / f"{secrets.token_hex(4)}.json"
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": {"infrastructure": self.name, **options}}))
        return [sys.executable, "-m", f"{MODULES}.{module}", str(arguments)]

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(REPOSITORY / "collections"), **more}

    def call(self, module: str = "local_hosts", env: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
        done = subprocess.run(
            self.command(module, **options),
            capture_output=True,
            text=True,
            env=self.environment(**(env or {})),
            timeout=300,
            check=False,
        )
        answer: dict[str, Any] = json.loads(done.stdout or json.dumps({"failed": True, "msg": done.stderr}))
        # Since ansible-core 2.19 a warning is an object with the text inside.
        answer["warnings"] = [
            item["event"]["msg"] if isinstance(item, dict) else item for item in answer.get("warnings", [])
        ]
        return answer

    def options(self, *groups: dict[str, Any], **more: Any) -> dict[str, Any]:
        files = REPOSITORY / "roles" / "cloud_local" / "files" / "image"
        return {
            "networks": NETWORKS,
            "groups": list(groups),
            "public_key": self.key,
            "image_files": str(files),
            **more,
        }

    def present(self, *groups: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = self.call(**self.options(*groups, **more))
        assert not answer.get("failed"), answer["msg"]
        return answer

    def state(self, state: str, **more: Any) -> dict[str, Any]:
        answer = self.call(state=state, **more)
        assert not answer.get("failed"), answer["msg"]
        return answer

    def resources(self) -> list[str]:
        return list(self.call("local_hosts_info")["resources"])

    def inside(self, name: str, *command: str) -> str:
        return podman("exec", name, *command)


def podman(*words: str) -> str:
    return subprocess.run(["podman", *words], capture_output=True, text=True, check=True, timeout=60).stdout


def ids(answer: dict[str, Any]) -> list[int]:
    return [item["id"] for item in answer["ansible_facts"]["im_instances"]]


def instances(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return list(answer["ansible_facts"]["im_instances"])


@pytest.fixture(scope="session")
def key_pair(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)
    return path


@pytest.fixture
def cloud(tmp_path: Path, key_pair: Path) -> Iterator[Cloud]:
    if shutil.which("podman") is None or os.geteuid() != 0:
        pytest.skip("needs podman and root")
    cloud = Cloud(f"la-it-{secrets.token_hex(3)}", tmp_path, key_pair.with_suffix(".pub").read_text().strip())
    yield cloud
    cloud.state("absent")


@pytest.fixture
def other_cloud(cloud: Cloud) -> Iterator[Cloud]:
    other = Cloud(f"{cloud.name}-b", cloud.folder, cloud.key)
    yield other
    other.state("absent")

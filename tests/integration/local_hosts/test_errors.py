# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong is said in a sentence, before anything is made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .conftest import Cloud, group, podman

pytestmark = pytest.mark.integration


def _path_without(tmp_path: Path, *programs: str, **fakes: str) -> str:
    """Return a PATH where some programs are missing and others are scripts."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in fakes.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    for directory in os.environ["PATH"].split(":"):
        for path in Path(directory).glob("*"):
            if path.name not in programs and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return str(folder)


def test_no_engine(cloud: Cloud, tmp_path: Path) -> None:
    path = _path_without(tmp_path, "podman", "docker")
    answer = cloud.call(env={"PATH": path}, **cloud.options(group("worker", 1)))
    assert answer["failed"]
    assert "podman is not installed, docker is not installed. Hint: install podman" in answer["msg"]


def test_an_engine_without_daemon(cloud: Cloud) -> None:
    if shutil.which("docker") is None:
        pytest.skip("needs a docker client")
    env = {"DOCKER_HOST": "unix:///nonexistent.sock"}
    answer = cloud.call(env=env, **cloud.options(group("worker", 1), engine="docker"))
    assert answer["failed"]
    assert "docker does not work (" in answer["msg"]


def test_an_engine_that_cannot_run_containers(cloud: Cloud, tmp_path: Path) -> None:
    podman_path = shutil.which("podman")
    script = f'for word; do [ "$word" = run ] && echo "Error: not here" >&2 && exit 125; done; exec {podman_path} "$@"'
    path = _path_without(tmp_path, podman=script)
    env = {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    answer = cloud.call(env=env, **cloud.options(group("worker", 1)))
    assert answer["failed"]
    assert answer["msg"].startswith("Podman is not able to run containers here: not here. Hint: ")
    assert cloud.resources() == []


def test_hosts_that_do_not_answer_are_named(cloud: Cloud) -> None:
    name = f"{cloud.name}-worker-0"
    cloud.present(group("worker", 1))
    podman("exec", name, "systemctl", "stop", "ssh.service")
    answer = cloud.call(timeout=1, **cloud.options(group("worker", 1)))
    assert answer["failed"]
    assert f"No answer by SSH within 1 s from {name} (running" in answer["msg"]


def test_a_host_that_cannot_be_created_is_named_and_leaves_no_remains(cloud: Cloud) -> None:
    networks = [{"name": "private", "cidr": "10.95.78.0/28"}]
    full = cloud.call(**cloud.options(group("worker", 14), networks=networks))
    assert full["failed"]
    assert "The network 10.95.78.0/28 has no free address" in full["msg"]
    assert not [name for name in cloud.resources() if name.startswith("host")]


def test_another_distribution_is_replaced_with_a_warning(cloud: Cloud) -> None:
    made = cloud.present(group("worker", 1, distribution="fedora"))
    assert any("has no fedora" in warning for warning in made["warnings"])

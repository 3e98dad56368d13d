# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some hosts are stopped, started and restarted; one is kept as an image."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from .conftest import Cloud, group, instances, podman

pytestmark = pytest.mark.integration


def born(name: str) -> str:
    return podman("inspect", name, "--format", "{{.State.StartedAt}}")


def test_some_hosts_only(cloud: Cloud) -> None:
    hosts = instances(cloud.present(group("worker", 2)))
    names = [item["name"] for item in hosts]
    stopped = cloud.state("stopped", hosts=["vnode-1"])
    assert stopped["stopped"] == [names[1]]
    assert [item["state"] for item in instances(stopped)] == ["running", "stopped"]
    assert not cloud.state("stopped", hosts=["1"])["changed"]
    assert not cloud.state("started", hosts=["vnode-0"])["changed"]

    refused = cloud.call(state="rebooted", hosts=["vnode-1"])
    assert refused["msg"].startswith(f"Only hosts that run can be restarted; stopped: {names[1]}.")
    refused = cloud.call(state="stopped", hosts=["vnode-7"])
    assert f"There is no host vnode-7. Hint: hosts that are there: {names[0]} (vnode-0), {names[1]}" in refused["msg"]

    before = [born(name) for name in names]
    plan = cloud.state("rebooted", _ansible_check_mode=True)
    assert (plan["changed"], plan["rebooted"], [born(name) for name in names]) == (True, names[:1], before)
    assert cloud.state("rebooted")["rebooted"] == names[:1]
    assert (born(names[0]) != before[0], born(names[1])) == (True, before[1])
    started = cloud.state("started", hosts=["vnode-1.localdomain"])
    assert started["started"] == [names[1]]
    assert instances(started) == [{**item, "fresh": False} for item in hosts]


@pytest.fixture
def tags(cloud: Cloud) -> Iterator[list[str]]:
    """Images of this test, removed at its end by their names."""
    found: list[str] = []
    yield found
    cloud.state("absent")
    for tag in found:
        subprocess.run(["podman", "image", "rm", tag], check=True, capture_output=True, timeout=120)


def test_a_host_is_kept_as_an_image_and_made_again_from_it(cloud: Cloud, tags: list[str]) -> None:
    volume = {"name": "data", "size": 1, "mount": "/mnt/data"}
    host = instances(cloud.present(group("worker", 1, volumes=[volume])))[0]
    cloud.inside(host["name"], "sh", "-c", "echo kept > /etc/kept")
    tag = f"localhost/continuum-snapshot/{cloud.name}/golden"
    plan = cloud.state("snapshot", hosts=["vnode-0"], snapshot="Golden", _ansible_check_mode=True)
    assert (plan["changed"], plan["image"], podman("images", "-q", tag)) == (True, f"docker://{tag}", "")

    done = cloud.state("snapshot", hosts=["vnode-0"], snapshot="Golden")
    tags.append(tag)
    assert done["image"] == f"docker://{tag}"
    assert "What is on volumes is not in the image" in done["warnings"][0]
    again = cloud.call(state="snapshot", hosts=["vnode-0"], snapshot="Golden")
    assert f"There is a snapshot golden of {cloud.name} already." in again["msg"]
    assert cloud.call(state="snapshot")["msg"].startswith("Name exactly one host.")
    labels = podman("image", "inspect", tag, "--format", "{{json .Config}}")
    assert cloud.name not in labels
    assert cloud.key not in labels

    both = instances(cloud.present(group("worker", 1, volumes=[volume]), group("copy", 1, image=done["image"])))
    tags.insert(0, podman("inspect", both[1]["name"], "--format", "{{.ImageName}}").strip())
    assert cloud.inside(both[1]["name"], "cat", "/etc/kept") == "kept\n"
    assert cloud.inside(both[1]["name"], "hostname") == "vnode-1\n"
    keys = [cloud.inside(item["name"], "cat", "/etc/ssh/ssh_host_ed25519_key.pub") for item in both]
    assert keys[0] != keys[1]
    assert len([name for name in cloud.resources() if name.startswith("host")]) == 2

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that the engine does not give: podman that was killed keeps some for ever, strangers take others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.continuum.im.plugins.module_utils._local.machine import limit_options

from .conftest import Cloud, group, instances, podman

pytestmark = pytest.mark.integration
TWO_NETWORKS = {"public": True, "networks": ["public", "private"]}


@pytest.fixture
def occupy(cloud: Cloud) -> Iterator[Callable[[str], None]]:
    """Let a container that is no host take an address of the infrastructure's private network."""
    names: list[str] = []

    def take(address: str) -> None:
        image = podman("images", "-q", "localhost/continuum-im/host").split()[0]
        names.append(f"{cloud.name}-stranger-{len(names)}")
        network = f"{cloud.name}-private:ip={address}"
        words = ["--network", network, *limit_options(), "--entrypoint", "sleep", image, "infinity"]
        podman("run", "-d", "--name", names[-1], *words)

    yield take
    podman("rm", "-f", "-t", "0", *names)


def test_a_new_host_gets_another_address(cloud: Cloud, occupy: Callable[[str], None]) -> None:
    first = instances(cloud.present(group("worker", 1)))[0]["private_ip"]
    start, _dot, last = first.rpartition(".")
    for step in (1, 2):
        occupy(f"{start}.{int(last) + step}")
    found = [item["private_ip"] for item in instances(cloud.present(group("worker", 3)))]
    assert len(set(found)) == 3
    assert found[0] == first
    assert not {f"{start}.{int(last) + step}" for step in (1, 2)} & set(found)
    assert not cloud.present(group("worker", 3))["changed"]


def test_a_stopped_host_whose_address_is_gone_gets_another_and_keeps_it(
    cloud: Cloud, occupy: Callable[[str], None]
) -> None:
    before = instances(cloud.present(group("front", 1, **TWO_NETWORKS)))[0]
    cloud.inside(before["name"], "sh", "-c", "echo kept > /root/data")
    cloud.state("stopped")
    occupy(before["private_ip"])
    answer = cloud.state("started")
    now = instances(answer)[0]
    assert now["private_ip"] != before["private_ip"]
    assert now["public_ip"] == before["public_ip"]
    assert f"has the address {now['private_ip']} now" in " ".join(answer["warnings"])
    assert cloud.inside(now["name"], "cat", "/root/data") == "kept\n"
    assert set(cloud.inside(now["name"], "hostname", "-I").split()) == {now["public_ip"], now["private_ip"]}
    # Every later run knows it.
    again = cloud.present(group("front", 1, **TWO_NETWORKS))
    assert not again["changed"]
    assert instances(again)[0]["private_ip"] == now["private_ip"]
    cloud.state("stopped")
    podman("network", "disconnect", f"{cloud.name}-private", now["name"])  # as a run does that is killed then
    started = cloud.present(group("front", 1, **TWO_NETWORKS))
    assert instances(started)[0]["private_ip"] == now["private_ip"]


def test_a_host_that_was_moved_and_is_made_again(cloud: Cloud, occupy: Callable[[str], None]) -> None:
    before = instances(cloud.present(group("worker", 1)))[0]
    cloud.state("stopped")
    occupy(before["private_ip"])
    cloud.state("started")
    podman("rm", "-f", "-t", "0", before["name"])
    answer = instances(cloud.present(group("worker", 1)))[0]
    assert cloud.inside(answer["name"], "hostname", "-I").split() == [answer["private_ip"]]
    assert not [name for name in cloud.resources() if "addresses" in name]


@pytest.mark.parametrize("state", ["stopped", "started"])
def test_a_host_whose_stop_was_killed_half_way(cloud: Cloud, state: str) -> None:
    name = instances(cloud.present(group("worker", 1)))[0]["name"]
    stop = subprocess.Popen(["podman", "stop", "-t", "20", name], stdout=subprocess.DEVNULL)
    while podman("inspect", "--format", "{{.State.Status}}", name).strip() == "running":
        time.sleep(0.01)
    os.kill(stop.pid, signal.SIGKILL)
    stop.wait()
    answer = cloud.state(state)
    assert [item["state"] for item in instances(answer)] == ["running" if state == "started" else "stopped"]
    there = podman("inspect", "--format", "{{.State.Status}}", name).strip()
    assert there == ("running" if state == "started" else "exited")


def test_a_host_that_is_made_again_answers_at_once(cloud: Cloud) -> None:
    """This machine remembers which network card an address had: the new host has the same."""
    first = instances(cloud.present(group("worker", 1)))[0]
    card = "cat /sys/class/net/eth0/address"
    before = cloud.inside(first["name"], "sh", "-c", card)
    podman("rm", "-f", "-t", "0", first["name"])
    again = instances(cloud.present(group("worker", 1)))[0]
    assert again["private_ip"] == first["private_ip"]
    assert cloud.inside(again["name"], "sh", "-c", card) == before

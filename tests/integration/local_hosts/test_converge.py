# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts come, stay and go as they are wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from .conftest import Cloud, group, ids, instances, podman

pytestmark = pytest.mark.integration
MIB = 1024**2
OLD_LIMITS = "cpu/cpu.cfs_quota_us memory/memory.limit_in_bytes"


def images_of_hosts() -> list[str]:
    """The images that a plan could have made: tests beside this one keep hosts as images, or build their own."""
    made = podman("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    return sorted(name for name in made if "/host:debian-" in name or "/base:" in name)


def test_check_mode_tells_what_would_be_done_and_touches_nothing(cloud: Cloud) -> None:
    images = images_of_hosts()
    plan = cloud.present(group("front", 1, shares=["/home"]), group("worker", 2), _ansible_check_mode=True)
    assert plan["changed"]
    assert plan["created"] == [f"{cloud.name}-front-0", f"{cloud.name}-worker-1", f"{cloud.name}-worker-2"]
    assert [item["state"] for item in instances(plan)] == ["planned"] * 3
    assert plan["diff"]["before"] == ""
    assert cloud.resources() == []
    assert images_of_hosts() == images

    done = cloud.present(group("front", 1, shares=["/home"]), group("worker", 2))
    assert done["diff"] == plan["diff"]
    assert done["created"] == plan["created"]
    planned, made = instances(plan), instances(done)
    assert [item["private_ip"] for item in planned] == [item["private_ip"] for item in made]


def test_the_second_run_changes_nothing_and_is_quick(cloud: Cloud) -> None:
    first = cloud.present(group("worker", 2))
    assert [item["fresh"] for item in instances(first)] == [True, True]
    start = time.monotonic()
    second = cloud.present(group("worker", 2))
    assert time.monotonic() - start < 3
    assert not second["changed"]
    assert second["diff"]["before"] == second["diff"]["after"]
    assert [{**item, "fresh": True} for item in instances(second)] == instances(first)
    assert not cloud.present(group("worker", 2), _ansible_check_mode=True)["changed"]


def test_numbers_are_never_used_twice(cloud: Cloud) -> None:
    assert ids(cloud.present(group("front", 1), group("worker", 2))) == [0, 1, 2]
    assert ids(cloud.present(group("front", 1), group("worker", 3))) == [0, 1, 2, 3]
    gone = cloud.present(group("front", 1), group("worker", 1))
    assert ids(gone) == [0, 1]
    assert gone["deleted"] == [f"{cloud.name}-worker-2", f"{cloud.name}-worker-3"]
    assert not cloud.present(group("front", 1), group("worker", 1))["changed"]
    assert ids(cloud.present(group("front", 1), group("worker", 2))) == [0, 1, 4]
    assert ids(cloud.present(group("front", 1), group("worker", 1, remove=[1]))) == [0, 4]


def test_what_is_too_many_is_only_reported_without_purge(cloud: Cloud) -> None:
    cloud.present(group("worker", 2))
    kept = cloud.present(group("worker", 1), purge=False)
    assert not kept["changed"]
    assert ids(kept) == [0]
    assert [item["id"] for item in kept["ansible_facts"]["im_surplus"]] == [1]
    assert len([name for name in cloud.resources() if name.startswith("host")]) == 2


def test_the_exact_list_decides(cloud: Cloud) -> None:
    wanted = [{"id": 4, "node": "worker"}, {"id": 7, "node": "worker"}]
    assert ids(cloud.present(group("worker", 1), instances=wanted)) == [4, 7]
    assert ids(cloud.present(group("worker", 1), instances=wanted[1:])) == [7]
    assert ids(cloud.present(group("worker", 1), instances=[])) == []
    assert ids(cloud.present(group("worker", 1))) == [8]


def test_another_size_is_given_to_a_running_host_and_kept(cloud: Cloud) -> None:
    """Podman forgets it when a container stops, we do not."""
    cloud.present(group("worker", 2, cpus=1, memory=512 * MIB))
    booted = cloud.inside(f"{cloud.name}-worker-1", "cat", "/proc/1/stat").split()[21]
    wanted = [{"id": 0, "node": "worker"}, {"id": 1, "node": "worker", "cpus": 0.5, "memory": 768 * MIB}]
    planned = cloud.present(group("worker", 2, memory=512 * MIB), instances=wanted, _ansible_check_mode=True)
    done = cloud.present(group("worker", 2, memory=512 * MIB), instances=wanted)
    assert planned["changed"]
    assert done["diff"] == planned["diff"]
    assert instances(done) == instances(planned)
    assert [(item["cpus"], item["memory"]) for item in instances(done)] == [(1, 512 * MIB), (0.5, 768 * MIB)]
    assert cloud.inside(f"{cloud.name}-worker-1", "cat", "/proc/1/stat").split()[21] == booted
    assert limits(cloud, 0) in (None, (1.0, 512 * MIB))
    assert limits(cloud, 1) in (None, (0.5, 768 * MIB))
    assert not cloud.present(group("worker", 2, memory=512 * MIB), instances=wanted)["changed"]
    cloud.state("stopped")
    assert [item["memory"] for item in instances(cloud.state("started"))] == [512 * MIB, 768 * MIB]
    assert limits(cloud, 1) in (None, (0.5, 768 * MIB))
    cloud.state("rebooted", hosts=["1"])
    assert limits(cloud, 1) in (None, (0.5, 768 * MIB))
    # The others follow their group; a host that is made anew has no size of its own any more.
    cloud.present(group("worker", 2, memory=640 * MIB), instances=wanted)
    assert limits(cloud, 0) in (None, (1.0, 640 * MIB))
    podman("rm", "-f", "-t", "0", f"{cloud.name}-worker-1")
    again = cloud.present(group("worker", 2, memory=640 * MIB))
    assert [(item["cpus"], item["memory"]) for item in instances(again)] == [(1, 640 * MIB)] * 2
    assert not cloud.present(group("worker", 2, memory=640 * MIB))["changed"]


def limits(cloud: Cloud, number: int) -> tuple[float, int] | None:
    """Return CPUs and memory of a worker as its kernel enforces them; None where this machine cannot limit them."""
    name = f"{cloud.name}-worker-{number}"
    files = "cpu.max memory.max" if cloud.inside(name, "ls", "/sys/fs/cgroup").find("cpu.max") >= 0 else OLD_LIMITS
    quota, *period, memory = cloud.inside(name, "sh", "-c", f"cd /sys/fs/cgroup; cat {files}").split()
    if not (quota.isdigit() and memory.isdigit()) or int(memory) > 2**60:
        return None
    return int(quota) / int(period[0] if period else 100000), int(memory)


def test_stop_and_start_keep_addresses_and_the_names_a_host_knows(cloud: Cloud) -> None:
    before = instances(cloud.present(group("front", 1, public=True, networks=["public", "private"])))[0]
    cloud.inside(before["name"], "sh", "-c", "echo 192.0.2.99 a-name-of-mine >> /etc/hosts")
    stopped = cloud.state("stopped")
    assert stopped["stopped"] == [before["name"]]
    assert [item["state"] for item in instances(stopped)] == ["stopped"]
    assert not cloud.state("stopped")["changed"]

    plan = cloud.present(group("front", 1, public=True, networks=["public", "private"]), _ansible_check_mode=True)
    assert plan["started"] == [before["name"]]
    started = cloud.state("started")
    assert started["changed"]
    assert instances(started) == [{**before, "fresh": False}]
    assert "192.0.2.99 a-name-of-mine" in cloud.inside(before["name"], "cat", "/etc/hosts")
    found = cloud.inside(before["name"], "hostname", "-I").split()
    assert set(found) == {before["public_ip"], before["private_ip"]}


def test_present_starts_what_is_stopped_and_what_was_never_started(cloud: Cloud) -> None:
    first = cloud.present(group("worker", 2))
    name = instances(first)[1]["name"]
    cloud.state("stopped")
    podman("rm", "-f", instances(first)[0]["name"])
    again = cloud.present(group("worker", 2))
    assert again["started"] == [name]
    assert [item["fresh"] for item in instances(again)] == [False, True]
    assert [item["state"] for item in instances(again)] == ["running", "running"]


def test_a_host_whose_start_was_killed_half_way_starts(cloud: Cloud) -> None:
    name = instances(cloud.present(group("worker", 1)))[0]["name"]
    cloud.state("stopped")
    podman("init", name)
    for pid in podman("inspect", "--format", "{{.State.ConmonPid}} {{.State.Pid}}", name).split():
        os.kill(int(pid), signal.SIGKILL)
    again = cloud.present(group("worker", 1))
    assert again["started"] == [name]
    assert [item["state"] for item in instances(again)] == ["running"]


def test_destroy_leaves_nothing(cloud: Cloud) -> None:
    volume = {"name": "data", "size": 1, "mount": "/mnt/data"}
    cloud.present(group("front", 1, shares=["/home"], volumes=[volume]), group("worker", 2, shares=["/home"]))
    cloud.present(group("front", 1, shares=["/home"], volumes=[volume]), group("worker", 1, shares=["/home"]))
    assert cloud.state("absent", _ansible_check_mode=True)["changed"]
    assert cloud.resources() != []
    gone = cloud.state("absent")
    assert gone["left"] == []
    assert gone["deleted"] == [f"{cloud.name}-front-0", f"{cloud.name}-worker-1"]
    assert cloud.resources() == []
    for kind in (["ps", "-a"], ["volume", "ls"], ["network", "ls"]):
        assert cloud.name not in podman(*kind)
    assert not cloud.state("absent")["changed"]


@pytest.mark.parametrize("seconds", [pytest.param(0.4, marks=pytest.mark.long), 0.7, 1.1])
def test_a_run_that_was_killed_is_taken_up(cloud: Cloud, seconds: float) -> None:
    options = cloud.options(group("front", 1, shares=["/home"]), group("worker", 5, shares=["/home"]))
    run = subprocess.Popen(cloud.command("local_hosts", **options), env=cloud.environment(), stdout=subprocess.PIPE)
    time.sleep(seconds)
    run.kill()
    run.communicate()
    done = cloud.call(**options)
    assert not done.get("failed"), done.get("msg")
    assert ids(done) == [0, 1, 2, 3, 4, 5]
    hosts = [name for name in cloud.resources() if name.startswith("host")]
    assert len(hosts) == 6
    assert not cloud.call(**options)["changed"]


def test_destroy_after_a_killed_run(cloud: Cloud) -> None:
    options = cloud.options(group("worker", 6))
    run = subprocess.Popen(cloud.command("local_hosts", **options), env=cloud.environment(), stdout=subprocess.PIPE)
    time.sleep(0.8)
    run.kill()
    run.communicate()
    cloud.state("absent")
    assert cloud.resources() == []


def test_two_runs_at_once_make_no_twins(cloud: Cloud) -> None:
    options = cloud.options(group("worker", 4))
    command = cloud.command("local_hosts", **options)
    runs = [subprocess.Popen(command, env=cloud.environment(), stdout=subprocess.PIPE) for _run in range(2)]
    for run in runs:
        run.communicate()
    assert [run.returncode for run in runs] == [0, 0]
    assert ids(cloud.call(**options)) == [0, 1, 2, 3]
    assert len([name for name in cloud.resources() if name.startswith("host")]) == 4


def test_infrastructures_stand_side_by_side(cloud: Cloud, other_cloud: Cloud) -> None:
    one = cloud.present(group("front", 1, public=True, ports=[{"first": 18077, "last": 18077, "target": 80}]))
    two = other_cloud.present(group("front", 1, public=True, ports=[{"first": 18077, "last": 18077, "target": 80}]))
    assert instances(one)[0]["private_ip"] != instances(two)[0]["private_ip"]
    assert instances(one)[0]["ports"][0]["host_port"] == 18077
    assert instances(two)[0]["ports"][0]["host_port"] == 18078
    cloud.state("absent")
    assert not other_cloud.present(
        group("front", 1, public=True, ports=[{"first": 18077, "last": 18077, "target": 80}])
    )["changed"]


def test_another_key_is_given_to_hosts_that_exist(cloud: Cloud, key_pair: Path, tmp_path: Path) -> None:
    host = instances(cloud.present(group("worker", 1)))[0]
    new = tmp_path / "new"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(new)], check=True)
    key = new.with_suffix(".pub").read_text()
    plan = cloud.present(group("worker", 1), public_key=key, _ansible_check_mode=True)
    assert plan["changed"]
    assert _ssh(key_pair, host) == 0
    assert cloud.present(group("worker", 1), public_key=key)["changed"]
    assert (_ssh(new, host), _ssh(key_pair, host)) == (0, 255)
    assert not cloud.present(group("worker", 1), public_key=key)["changed"]
    cloud.state("stopped")
    cloud.state("started")
    assert _ssh(new, host) == 0


def _ssh(key: Path, host: dict[str, str]) -> int:
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]
    target = f"{host['user']}@{host['private_ip']}"
    command = ["ssh", *options, "-o", "IdentitiesOnly=yes", "-i", str(key), target, "sudo", "true"]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of the static cloud on real hosts. Each test leaves all hosts free."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from standing_hosts import REPOSITORY, StandingHosts, missing, standing_hosts

pytestmark = pytest.mark.integration
MODULES = "ansible_collections.continuum.im.plugins.modules"
FRONT = {"node": "front", "instance_name": "front", "count": 1, "public": True, "hostname": "front"}
COUNT = 3


def workers(count: int, **more: Any) -> dict[str, Any]:
    return {"node": "wn", "instance_name": "wn", "count": count, **more}


@dataclass
class Infrastructure:
    """An infrastructure on these hosts, seen from a controller."""

    hosts: StandingHosts
    name: str
    folder: Path
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, mode=0o700)
        key_file = self.folder / "id_ed25519"
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key_file)]
        subprocess.run(words, check=True)
        self.key = key_file.with_suffix(".pub").read_text().strip()

    def command(self, module: str = "static_hosts", **options: Any) -> list[str]:
        arguments = self.folder / f"{secrets.token_hex(4)}.json"
        given = {"infrastructure": self.name, "folder": str(self.folder), **options}
        arguments.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": given}))
        return [sys.executable, "-m", f"{MODULES}.{module}", str(arguments)]

    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(REPOSITORY / "collections"), "SSH_AUTH_SOCK": ""}

    def call(self, module: str = "static_hosts", **options: Any) -> dict[str, Any]:
        done = subprocess.run(
            self.command(module, **options),
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=400,
            check=False,
        )
        return dict(json.loads(done.stdout or json.dumps({"failed": True, "msg": done.stderr})))

    def options(self, *groups: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"groups": list(groups), "public_key": self.key, "offered": self.hosts.offer(), **more}

    def present(self, *groups: dict[str, Any], **more: Any) -> dict[str, Any]:
        answer = self.call(**self.options(*groups, **more))
        assert not answer.get("failed"), answer["msg"]
        return answer

    def absent(self, **more: Any) -> dict[str, Any]:
        answer = self.call(state="absent", **more)
        assert not answer.get("failed"), answer["msg"]
        return answer

    def log_in(self, number: int) -> int:
        """Return how logging in with the key of the infrastructure ends: 0 is inside."""
        key_file = str(self.folder / "id_ed25519").replace("%", "%%")
        words = ["ssh", "-F", "none", "-o", f'IdentityFile="{key_file}"', "-o", "IdentitiesOnly=yes"]
        words += ["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        place = f"{self.hosts.user}@{self.hosts.addresses[number]}"
        return subprocess.run([*words, place, "true"], capture_output=True, check=False, timeout=60).returncode


def instances(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return list(answer["ansible_facts"]["im_instances"])


def ids(answer: dict[str, Any]) -> list[int]:
    return [item["id"] for item in instances(answer)]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingHosts]:
    if missing():
        pytest.skip(missing())
    with standing_hosts(tmp_path_factory.mktemp("standing"), COUNT) as found:
        yield found


@pytest.fixture
def one(hosts: StandingHosts, tmp_path: Path) -> Iterator[Infrastructure]:
    found = Infrastructure(hosts, f"one-{secrets.token_hex(3)}", tmp_path / "one's keys 100%" / "one")
    yield found
    found.absent(offered=hosts.offer())


@pytest.fixture
def other(hosts: StandingHosts, tmp_path: Path) -> Iterator[Infrastructure]:
    found = Infrastructure(hosts, f"other-{secrets.token_hex(3)}", tmp_path / "other")
    yield found
    found.absent(offered=hosts.offer())


def test_check_mode_touches_nothing_and_says_what_would_be(one: Infrastructure, hosts: StandingHosts) -> None:
    before = sorted(path.name for path in one.folder.iterdir())
    planned = one.present(FRONT, workers(1), _ansible_check_mode=True, _ansible_diff=True)
    assert planned["created"] == [f"{one.name}-front-0", f"{one.name}-wn-1"]
    assert f"host {one.name}-wn-1 (wn, {hosts.addresses[1]}): running" in planned["diff"]["after"]
    assert [hosts.marks(number) for number in range(COUNT)] == [[], [], []]
    after = sorted(path.name for path in one.folder.iterdir() if path.suffix != ".json")
    assert after == before
    done = one.present(FRONT, workers(1))
    assert done["diff"] == planned["diff"]
    assert done["created"] == planned["created"]


def test_the_facts_are_those_of_the_contract(one: Infrastructure, hosts: StandingHosts) -> None:
    front, worker = instances(one.present(FRONT, workers(1)))
    assert (front["hostname"], front["fqdn"], front["user"]) == ("front", "front.localdomain", hosts.user)
    assert (front["public_ip"], front["private_ip"]) == (hosts.addresses[0], hosts.addresses[0])
    assert (worker["public_ip"], worker["private_ip"]) == (None, hosts.addresses[1])
    assert (front["jump"], front["disks"], front["shares"], front["ports"]) == (None, [], [], [])
    assert (front["ssh_address"], front["ssh_port"], front["fresh"]) == (hosts.addresses[0], 22, True)
    assert front["memory"] > 2**28
    assert one.log_in(0) == one.log_in(1) == 0
    assert one.log_in(2) != 0
    assert instances(one.call("static_hosts_info")) == [{**front, "fresh": False}, {**worker, "fresh": False}]


def test_again_changes_nothing_and_needs_no_list(one: Infrastructure) -> None:
    first = one.present(FRONT, workers(2))
    again = one.present(FRONT, workers(2), offered=[])
    assert not again["changed"]
    assert [item["cloud_id"] for item in instances(again)] == [item["cloud_id"] for item in instances(first)]


def test_scaling_takes_and_gives_back_and_never_uses_a_number_again(one: Infrastructure, hosts: StandingHosts) -> None:
    assert ids(one.present(FRONT, workers(2))) == [0, 1, 2]
    kept = one.present(FRONT, workers(1), purge=False)
    assert [item["id"] for item in kept["ansible_facts"]["im_surplus"]] == [2]
    assert one.log_in(2) == 0
    done = one.present(FRONT, workers(1))
    assert done["deleted"] == [f"{one.name}-wn-2"]
    assert (hosts.marks(2), hosts.keys(2), one.log_in(2)) == ([], [], 255)
    (one.folder / "static.json").unlink()  # another controller, which has the key: the hosts know what was used
    assert ids(one.present(FRONT, workers(2))) == [0, 1, 3]


def test_a_host_of_another_infrastructure_is_not_taken(
    one: Infrastructure, other: Infrastructure, hosts: StandingHosts
) -> None:
    one.present(FRONT, workers(1))
    refused = other.call(**other.options(FRONT, workers(1), timeout=5))
    assert "needs 2, has 1 free" in refused["msg"]
    assert f"{hosts.addresses[0]} belongs to the infrastructure {one.name}" in refused["msg"]
    assert hosts.marks(2) == []
    other.present(workers(1))
    assert other.log_in(2) == 0
    one.absent()
    assert other.log_in(2) == 0


def test_the_end_leaves_what_the_owner_has(one: Infrastructure, hosts: StandingHosts) -> None:
    own = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000000 it\'s "mine" $(id)'
    place = f"/home/{hosts.user}/.ssh"
    hosts.shell(0, f"install -d -o {hosts.user} -m 0700 {place}")
    hosts.engine.run("exec", hosts.name(0), "sh", "-c", f'printf %s "$1" > {place}/authorized_keys', "sh", own)
    hosts.shell(0, f"chown {hosts.user}: {place}/authorized_keys; chmod 0640 {place}/authorized_keys")
    one.present(FRONT)
    assert hosts.keys(0) == [own, one.key]
    planned = one.absent(_ansible_check_mode=True)
    assert (planned["changed"], planned["deleted"]) == (True, [f"{one.name}-front-0"])
    assert one.log_in(0) == 0
    assert one.absent()["deleted"] == [f"{one.name}-front-0"]
    assert (hosts.keys(0), hosts.marks(0), one.log_in(0)) == ([own], [], 255)
    assert hosts.shell(0, f"stat -c '%U %a' {place}/authorized_keys").split() == [hosts.user, "640"]
    assert not one.absent()["changed"]
    hosts.shell(0, f"rm {place}/authorized_keys")


def test_another_controller_goes_on(one: Infrastructure, hosts: StandingHosts, tmp_path: Path) -> None:
    first = instances(one.present(FRONT, workers(1)))
    elsewhere = Infrastructure(hosts, one.name, tmp_path / "elsewhere")
    again = elsewhere.present(FRONT, workers(1))
    assert [item["cloud_id"] for item in instances(again)] == [item["cloud_id"] for item in first]
    assert "key of host" in again["diff"]["after"]
    assert hosts.keys(0) == [elsewhere.key]
    assert elsewhere.log_in(1) == 0
    elsewhere.absent()
    assert [hosts.keys(number) for number in range(COUNT)] == [[], [], []]


def test_a_host_that_is_gone_is_named_and_can_be_given_up(one: Infrastructure, hosts: StandingHosts) -> None:
    one.present(FRONT, workers(1))
    try:
        hosts.shell(1, "systemctl stop ssh")
        failed = one.call(**one.options(FRONT, workers(1), timeout=3))
        assert f"{one.name}-wn-1 ({hosts.addresses[1]}" in failed["msg"]
        left = one.call(state="absent", timeout=3)
        assert f"left: {hosts.addresses[1]}" in left["msg"]
        done = one.present(workers(1), forget_unreachable=True, timeout=3)
        assert [item["private_ip"] for item in instances(done)] == [hosts.addresses[0]]
        assert ids(done) == [2]
    finally:
        hosts.shell(1, "systemctl start ssh")


@pytest.mark.long
def test_reboot_and_those_who_are_named(one: Infrastructure, hosts: StandingHosts) -> None:
    one.present(FRONT, workers(1))
    born = "sed 's/.*) //' /proc/1/stat | cut -d ' ' -f 20"
    before = [hosts.shell(number, born) for number in (0, 1)]
    planned = one.call(state="rebooted", hosts=[hosts.addresses[1]], _ansible_check_mode=True)
    assert planned["rebooted"] == [f"{one.name}-wn-1"]
    done = one.call(state="rebooted", hosts=[hosts.addresses[1]], timeout=240)
    assert done.get("rebooted") == [f"{one.name}-wn-1"], done
    after = [hosts.shell(number, born) for number in (0, 1)]
    assert (after[0] == before[0], after[1] == before[1]) == (True, False)
    refused = one.call(state="rebooted", hosts=["vnode-99"])
    assert "vnode-99" in refused["msg"]
    assert f"{one.name}-wn-1" in refused["msg"]


def test_another_port(one: Infrastructure, hosts: StandingHosts) -> None:
    hosts.shell(2, "/usr/sbin/sshd -p 2222")
    (host,) = instances(one.present(workers(1), offered=hosts.offer(2, port=2222)))
    assert (host["ssh_address"], host["ssh_port"]) == (hosts.addresses[2], 2222)
    assert [item["ssh_port"] for item in instances(one.call("static_hosts_info"))] == [2222]
    refused = one.call(**one.options(workers(2), offered=hosts.offer(2)))
    assert f"{hosts.addresses[2]} is {hosts.addresses[2]} port 2222 once more" in refused["msg"]
    one.absent()
    assert hosts.marks(2) == []


@pytest.mark.parametrize("seconds", [0.3, *(pytest.param(item, marks=pytest.mark.long) for item in (0.8, 2.0)), 1.3])
def test_killed_at_any_moment_and_run_again(one: Infrastructure, hosts: StandingHosts, seconds: float) -> None:
    """Whenever that is, the next run ends with the same hosts, and the end leaves nothing."""
    for options in (one.options(FRONT, workers(2)), {"state": "absent"}):
        process = subprocess.Popen(
            one.command(**options), env=one.environment(), stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    one.call(state="absent")
    done = one.present(FRONT, workers(2))
    assert len(ids(done)) == 3
    assert len({item["private_ip"] for item in instances(done)}) == 3
    one.absent()
    assert [(hosts.keys(number), hosts.marks(number)) for number in range(COUNT)] == [([], [])] * 3

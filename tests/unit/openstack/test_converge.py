# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver of OpenStack on a small OpenStack in memory: what is made, changed and removed, and in which calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import (
    Group,
    HostsError,
    Network,
    Port,
    Slot,
    Volume,
)
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import Outcome
from ansible_collections.continuum.im.plugins.module_utils._openstack import lifecycle
from ansible_collections.continuum.im.plugins.module_utils._openstack.absent import absent
from ansible_collections.continuum.im.plugins.module_utils._openstack.cloud import Cloud
from ansible_collections.continuum.im.plugins.module_utils._openstack.errors import LostError
from ansible_collections.continuum.im.plugins.module_utils._openstack.present import present
from ansible_collections.continuum.im.plugins.module_utils._openstack.request import Request
from ansible_collections.continuum.im.plugins.module_utils._openstack.site import Answer

from .fake import PROJECT, FakeSite

pytestmark = pytest.mark.unit

GIB = 1024**3
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlVxGBGcnLMvmW4oUB4B3hPJrGkb1ps0bJ3D2aSlFbR tests"
FRONT = Group(
    "front", "front", 1, hostname="server", public=True, networks=("private",), cpus=1, memory=GIB,
    ports=(Port("tcp", 22, 22, 22), Port("tcp", 80, 80, 8080, "10.1.0.0/16")),
    volumes=(Volume("data", 10 * GIB, mount="/mnt/data"),),
)  # fmt: skip
WORKERS = Group("wn", "wn", 2, networks=("private",), cpus=1, memory=GIB)
PRIVATE = Network("private")

REQUEST = Request("t", (PRIVATE,), (FRONT, WORKERS), public_key=KEY, wait=False, timeout=5)


@dataclass
class World:
    """A site in memory and what a test asks of it."""

    site: FakeSite = field(default_factory=FakeSite)
    request: Request = REQUEST

    @property
    def cloud(self) -> Cloud:
        return Cloud(self.site, 0)

    def deploy(self, **changes: Any) -> Outcome:
        return present(self.cloud, replace(self.request, **changes))

    def destroy(self, **changes: Any) -> Outcome:
        return absent(self.cloud, replace(self.request, **changes))


@pytest.fixture
def world() -> World:
    return World()


def test_a_plan_is_what_is_done(world: World) -> None:
    planned = world.deploy(check=True)
    assert not world.site.mine()
    done = world.deploy()
    assert sorted(planned.after) == sorted(done.after)
    assert planned.created == done.created == ["t-front-0", "t-wn-1", "t-wn-2"]
    assert any("smallest of" in line for line in done.choices)


def test_hosts_bear_what_the_contract_says(world: World) -> None:
    front, worker, _other = world.deploy().instances
    assert front["public_ip"].startswith("203.0.113.")
    assert front["user"] == "debian"
    assert front["fqdn"] == "server.localdomain"
    (disk,) = front["disks"]
    assert disk["mount"] == "/mnt/data"
    assert disk["paths"][0].startswith("/dev/disk/by-id/virtio-")
    assert worker["public_ip"] is None
    assert worker["jump"] == "t-front-0"
    assert worker["private_ip"].startswith("10.")


def test_the_second_run_changes_nothing_and_only_reads(world: World) -> None:
    world.deploy()
    world.site.calls.clear()
    assert not world.deploy().changed
    assert all(call.startswith("GET ") for call in world.site.calls)
    assert len(world.site.calls) == 10


def test_destroy_leaves_nothing(world: World) -> None:
    before = world.site.mine()
    world.deploy()
    gone = world.destroy()
    assert world.site.mine() == before
    assert gone.deleted == ["t-front-0", "t-wn-1", "t-wn-2"]
    assert not world.destroy().changed


def test_numbers_are_never_used_again(world: World) -> None:
    world.deploy(groups=(FRONT, replace(WORKERS, count=3)))
    world.deploy(groups=(FRONT, replace(WORKERS, count=0)))
    done = world.deploy(groups=(FRONT, replace(WORKERS, count=1)))
    assert [item["id"] for item in done.instances] == [0, 4]
    assert len(world.site.things["servers"]) == 2
    assert len([port for port in world.site.things["ports"].values() if port["name"]]) == 2


def test_a_host_that_failed_before_it_ran_is_replaced(world: World) -> None:
    world.deploy()
    server = next(item for item in world.site.things["servers"].values() if item["name"] == "t-wn-2")
    server["status"] = "ERROR"
    planned = world.deploy(check=True)
    done = world.deploy()
    assert done.deleted == ["t-wn-2"]
    assert done.created == ["t-wn-3"]
    assert sorted(planned.before) == sorted(done.before)
    assert sorted(planned.after) == sorted(done.after)


def test_a_host_that_ran_and_failed_is_started_again(world: World) -> None:
    world.deploy()
    server = next(item for item in world.site.things["servers"].values() if item["name"] == "t-wn-2")
    server |= {"status": "ERROR", "OS-SRV-USG:launched_at": "2026-01-01"}

    def restart(call: str, body: Any) -> None:
        if call == "POST /servers/ID/action":
            assert body == {"reboot": {"type": "HARD"}}
            server["status"] = "ACTIVE"

    world.site.hook = restart  # type: ignore[assignment]
    done = world.deploy()
    assert done.started == ["t-wn-2"]
    assert not done.deleted


def test_exact_lists_and_surplus(world: World) -> None:
    wanted = (Slot(0, "front"), Slot(7, "wn"))
    assert [item["name"] for item in world.deploy(wanted=wanted).instances] == ["t-front-0", "t-wn-7"]
    kept = world.deploy(wanted=wanted[:1], purge=False)
    assert not kept.changed
    assert [item["id"] for item in kept.surplus] == [7]


def test_another_size_gets_another_flavor(world: World) -> None:
    world.deploy()
    bigger = (FRONT, replace(WORKERS, cpus=2, memory=4 * GIB))
    planned, done = world.deploy(groups=bigger, check=True), world.deploy(groups=bigger)
    assert sorted(planned.after) == sorted(done.after)
    assert [item["cpus"] for item in done.instances] == [1, 2, 2]
    assert not world.deploy(groups=bigger).changed


def test_one_host_may_have_a_size_of_its_own(world: World) -> None:
    world.deploy()
    wanted = (Slot(0, "front"), Slot(1, "wn"), Slot(2, "wn", cpus=2, memory=4 * GIB))
    planned, done = world.deploy(wanted=wanted, check=True), world.deploy(wanted=wanted)
    assert sorted(planned.after) == sorted(done.after)
    assert [(item["cpus"], item["instance_type"]) for item in done.instances] == [
        (1, "m1.small"),
        (1, "m1.small"),
        (2, "m1.medium"),
    ]
    assert not world.deploy(wanted=wanted).changed
    grown = (*wanted, Slot(3, "wn"), Slot(4, "wn", instance_type="m1.large"))
    made = world.deploy(wanted=grown).instances
    assert [item["instance_type"] for item in made[3:]] == ["m1.small", "m1.large"]
    assert not world.deploy(wanted=grown).changed


def test_a_resize_that_was_cut_off_is_confirmed(world: World) -> None:
    world.deploy()
    server = next(item for item in world.site.things["servers"].values() if item["name"] == "t-wn-2")
    server["status"] = "VERIFY_RESIZE"
    world.deploy()
    assert server["status"] == "ACTIVE"


def test_stop_and_start(world: World) -> None:
    world.deploy()
    assert lifecycle.stopped(world.cloud, world.request).stopped == ["t-front-0", "t-wn-1", "t-wn-2"]
    assert lifecycle.started(world.cloud, replace(world.request, hosts=("server",))).started == ["t-front-0"]
    assert world.deploy().started == ["t-wn-1", "t-wn-2"]


def test_ports_follow_the_template(world: World) -> None:
    world.deploy()
    opened = (replace(FRONT, ports=(Port("tcp", 22, 22, 22), Port("icmp", 1, 1, 1))), WORKERS)
    planned, done = world.deploy(groups=opened, check=True), world.deploy(groups=opened)
    assert "port of front: icmp from 0.0.0.0/0" in done.after
    assert sorted(planned.after) == sorted(done.after)
    assert not world.deploy(groups=opened).changed


def test_a_group_that_opens_its_first_port_gets_a_security_group_at_its_ports(world: World) -> None:
    world.deploy()
    opened = (FRONT, replace(WORKERS, ports=(Port("tcp", 80, 80, 80),)))
    world.deploy(groups=opened)
    ports = [port for port in world.site.things["ports"].values() if "port-1-" in port["name"]]
    assert [len(port["security_groups"]) for port in ports] == [2]
    world.deploy()
    assert [len(port["security_groups"]) for port in ports] == [1]
    assert len(world.site.things["security-groups"]) == 2


def test_a_public_host_in_a_public_network_of_the_site_has_no_floating_ip(world: World) -> None:
    networks = (Network("public", public=True, provider_id="provider"),)
    (host,) = world.deploy(networks=networks, groups=(replace(FRONT, networks=("public",)),)).instances
    assert host["public_ip"] == host["private_ip"]
    assert host["public_ip"].startswith("198.18.9.")
    assert not world.site.things["floatingips"]
    assert "routers" not in world.site.mine()
    world.destroy()
    assert not world.site.mine()


def test_a_floating_ip_of_a_pool_that_a_template_names_is_used_and_given_back(world: World) -> None:
    free = world.site.add("floatingips", floating_network_id="ext", port_id=None, floating_ip_address="203.0.113.77")
    networks = (PRIVATE, Network("public", public=True, provider_id="public"))
    groups = (replace(FRONT, networks=("private", "public")), WORKERS)
    done = world.deploy(networks=networks, groups=groups)
    assert done.instances[0]["public_ip"] == "203.0.113.77"
    assert not world.deploy(networks=networks, groups=groups).changed
    world.destroy()
    assert world.site.mine() == {"floatingips": [free["id"]]}
    assert (free["port_id"], free["description"], free["tags"]) == (None, "", [])


def test_free_floating_ips_of_the_project_are_left_alone_otherwise(world: World) -> None:
    world.site.add("floatingips", floating_network_id="ext", port_id=None, floating_ip_address="203.0.113.77")
    assert world.deploy().instances[0]["public_ip"] != "203.0.113.77"


def test_several_external_networks_are_a_question(world: World) -> None:
    world.site.add("networks", id="ext2", name="other", **{"router:external": True})
    with pytest.raises(HostsError, match=r"several external networks: other, public.*external_network"):
        world.deploy()
    assert "networks" not in {kind for kind, items in world.site.mine().items() if items != ["ext2"]}
    assert world.deploy(external_network="other").created


def test_a_network_of_the_project_is_used_and_left(world: World) -> None:
    world.site.add("networks", id="mine", name="lan", project_id=PROJECT)
    world.site.add("subnets", id="mine-sub", network_id="mine", cidr="10.7.0.0/24", ip_version=4)
    done = world.deploy(networks=(Network("private", provider_id="lan"),))
    assert done.instances[1]["private_ip"].startswith("10.7.0.")
    assert done.instances[0]["public_ip"].startswith("203.")
    world.destroy()
    assert world.site.mine() == {"networks": ["mine"], "subnets": ["mine-sub"]}


def test_quota_is_said_before_anything_is_made(world: World) -> None:
    world.site.limits = {"maxTotalCores": 10, "totalCoresUsed": 8, "maxTotalInstances": -1}
    world.site.network_limits = {"port": 2}
    with pytest.raises(HostsError, match=r"needs 3 ports, 2 are left; needs 3 vCPU, 2 are left"):
        world.deploy()
    assert not world.site.mine()


def test_a_root_disk_from_cinder_where_the_flavor_has_none(world: World) -> None:
    world.deploy(groups=(replace(WORKERS, instance_type="v2", count=1),))
    (volume,) = world.site.things["volumes"].values()
    assert volume["imageRef"] == "image-debian"
    assert volume["size"] == 10
    (server,) = world.site.things["servers"].values()
    assert "imageRef" not in server
    assert server["block_device_mapping_v2"][0]["boot_index"] == 0


def test_no_cinder_is_missed_only_when_it_is_needed() -> None:
    world = World(FakeSite(services=("compute", "network", "image")))
    with pytest.raises(HostsError, match="no cinder"):
        world.deploy()
    assert world.deploy(groups=(replace(FRONT, volumes=()),)).created


def test_volumes_that_exist_are_attached_and_stay(world: World) -> None:
    number = "0b9f1e6e-1f0b-4a60-8f5a-5b5b5b5b5b5b"
    world.site.add("volumes", id=number, name="old", status="available", attachments=[])
    groups = (replace(FRONT, volumes=(Volume("old", volume_id=f"ost://site/{number}", mount="/old"),)),)
    done = world.deploy(groups=groups)
    assert done.instances[0]["disks"][0]["paths"][0] == f"/dev/disk/by-id/virtio-{number[:20]}"
    assert not world.deploy(groups=groups).changed
    world.destroy()
    assert world.site.mine() == {"volumes": [number]}


@pytest.mark.parametrize(
    "call", ["POST /servers", "POST /ports", "POST /volumes", "POST /networks", "POST /security-groups",
             "POST /floatingips", "POST /routers", "POST /os-keypairs", "POST /os-server-groups"],
)  # fmt: skip
def test_a_lost_answer_makes_no_twin(world: World, call: str) -> None:
    lost: list[str] = []

    def lose(made: str) -> None:
        if made == call and not lost:
            lost.append(made)
            raise LostError("gone")

    world.site.after = lose
    done = world.deploy()
    assert lost
    assert [item["name"] for item in done.instances] == ["t-front-0", "t-wn-1", "t-wn-2"]
    counts = {kind: len(items) for kind, items in world.site.mine().items()}
    assert counts["servers"] == 3
    assert counts["volumes"] == counts["floatingips"] == counts["networks"] == counts["os-keypairs"] == 1
    world.destroy()
    assert not world.site.mine()


def test_throttling_waits_as_long_as_it_is_told(world: World) -> None:
    answers = iter([Answer(429, {"overLimit": {"message": "slow down"}}, 2.0)])
    world.site.hook = lambda call, body: next(answers, None) if call == "POST /servers" else None
    assert world.deploy().created


def test_refusals_are_one_sentence(world: World) -> None:
    answer = Answer(403, {"forbidden": {"message": "Policy doesn't allow it.", "code": 403}})
    world.site.hook = lambda call, body: answer if call == "POST /networks" else None
    with pytest.raises(HostsError, match=r"refused network POST /networks \(403\): Policy doesn't allow it\. Hint: "):
        world.deploy()


def test_what_a_killed_run_left_is_used_or_removed(world: World) -> None:
    refusal = Answer(403, {"forbidden": {"message": "no"}})
    world.site.hook = lambda call, body: refusal if call == "POST /servers" else None
    with pytest.raises(HostsError):
        world.deploy()
    world.site.hook = lambda call, body: None
    assert len(world.site.things["volumes"]) == 1
    world.deploy(groups=(FRONT, replace(WORKERS, count=1)))
    assert len(world.site.things["servers"]) == 2
    named = [port["name"] for port in world.site.things["ports"].values() if port["name"]]
    assert len(named) == 2
    world.destroy()
    assert not world.site.mine()


def test_another_key_is_refused_while_hosts_have_the_first(world: World) -> None:
    world.deploy()
    with pytest.raises(HostsError, match="another key pair"):
        world.deploy(public_key=KEY.replace("IKlV", "IKlX"))


def test_what_is_not_done_is_said(world: World) -> None:
    asked = replace(FRONT, dns_names=("www.example.org",), preemptible=True)
    assert [text.partition(":")[2] for text in world.deploy(groups=(asked,)).warnings] == [
        " the public name www.example.org is not made.",
        " OpenStack knows no spot prices, its hosts are usual ones.",
    ]
    assert not world.deploy(groups=(asked,)).warnings

"""Hosts on OpenStack come, change and go as wanted, and the plan says so before.

What the conformance suite or the unit tests see too is long here.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError, Network, Port, Slot, Volume
from ansible_collections.continuum.im.plugins.module_utils._openstack import kinds

from .conftest import FRONT, GIB, KEY, NAME, WORKERS, World

pytestmark = pytest.mark.integration


def test_a_plan_on_an_empty_project_is_what_is_done(world: World) -> None:
    planned = world.deploy(check=True)
    assert not world.left()
    done = world.deploy()
    assert planned.changed
    assert sorted(planned.after) == sorted(done.after)
    assert planned.created == done.created == [f"{NAME}-front-0", f"{NAME}-wn-1", f"{NAME}-wn-2"]
    front, worker, _other = done.instances
    assert front["public_ip"]
    assert front["user"] == "debian"
    assert front["fqdn"] == "server.localdomain"
    (disk,) = front["disks"]
    assert disk["mount"] == "/mnt/data"
    assert disk["paths"][0].startswith("/dev/disk/by-id/virtio-")
    assert worker["public_ip"] is None
    assert worker["jump"] == front["name"]
    assert worker["hostname"] == "vnode-1"
    calls = world.calls_of(lambda: _unchanged(world))
    assert all(":GET " in call for call in calls)
    assert len([call for call in calls if call not in ("compute:GET /", "network:GET /", "image:GET /")]) <= 14
    world.destroy()
    assert not world.left()


def _unchanged(world: World) -> None:
    again = world.deploy()
    assert not again.changed
    assert again.created == again.deleted == again.started == []
    assert not any(item["fresh"] for item in again.instances)


@pytest.mark.long
def test_scale_in_and_never_the_same_number(world: World) -> None:
    world.workers(4)
    planned, kept = world.workers(1, check=True), world.workers(1, purge=False)
    assert not kept.changed
    assert [item["id"] for item in kept.surplus] == [2, 3, 4]
    gone = world.workers(1)
    assert sorted(planned.after) == sorted(gone.after)
    assert gone.deleted == [f"{NAME}-wn-2", f"{NAME}-wn-3", f"{NAME}-wn-4"]
    assert len(world.lab.describe()["ports"]) <= 2 + 2  # those of the router
    world.workers(0)
    assert [item["id"] for item in world.workers(1).instances] == [0, 5]


@pytest.mark.long
def test_a_named_host_goes(world: World) -> None:
    world.workers(3)
    done = world.deploy(groups=(FRONT, replace(WORKERS, count=2, remove=(1,))))
    assert done.deleted == [f"{NAME}-wn-1"]


@pytest.mark.long
def test_a_host_that_somebody_deleted_is_made_again(world: World) -> None:
    wanted = (Slot(0, "front"), Slot(1, "wn"))
    done = world.deploy(wanted=wanted)
    compute = world.lab.connection().compute
    compute.delete_server(done.instances[1]["cloud_id"])
    again = world.deploy(wanted=wanted)
    assert again.created == [f"{NAME}-wn-1"]
    assert again.instances[1]["cloud_id"] != done.instances[1]["cloud_id"]
    assert not world.deploy(wanted=wanted).changed


@pytest.mark.long
def test_stop_and_start(world: World) -> None:
    world.deploy()
    assert world.stop().stopped == [f"{NAME}-front-0", f"{NAME}-wn-1", f"{NAME}-wn-2"]
    assert not world.stop().changed
    assert world.start("server").started == [f"{NAME}-front-0"]
    assert world.deploy().started == [f"{NAME}-wn-1", f"{NAME}-wn-2"]
    assert not world.deploy().changed
    with pytest.raises(HostsError, match=f"no host nobody.*{NAME}-wn-1"):
        world.stop("nobody")


def test_another_size_and_other_ports(world: World) -> None:
    world.deploy()
    bigger = (replace(FRONT, cpus=4, ports=(Port("tcp", 22, 22, 22), Port("udp", 53, 53, 53))), WORKERS)
    planned, done = world.deploy(groups=bigger, check=True), world.deploy(groups=bigger)
    assert planned.changed
    assert sorted(planned.after) == sorted(done.after)
    assert done.instances[0]["cpus"] == 4
    assert "port of front: udp 53 from 0.0.0.0/0" in done.after
    assert "port of front: tcp 8080 from 10.1.0.0/16" not in done.after
    assert not world.deploy(groups=bigger).changed


def test_a_volume_that_exists_is_attached_and_stays(world: World) -> None:
    storage = world.lab.connection().block_storage
    number = storage.create_volume(size=1, name="kept").id
    storage.wait_for_status(storage.get_volume(number), "available", interval=0.2, wait=60)
    groups = (replace(FRONT, volumes=(Volume("old", volume_id=number, mount="/old"),)),)
    done = world.deploy(groups=groups)
    assert done.instances[0]["disks"][0]["paths"][0] == f"/dev/disk/by-id/virtio-{number[:20]}"
    assert not world.deploy(groups=groups).changed
    with pytest.raises(HostsError, match=f"The volume {number} is in-use"):
        world.deploy(infrastructure="ost-other", groups=groups)
    world.destroy()
    assert storage.get_volume(number).status == "available"


@pytest.mark.long
def test_a_root_disk_from_cinder(world: World) -> None:
    groups = (replace(WORKERS, count=1, disk=30 * GIB, instance_type="m1.small"),)
    world.deploy(groups=groups)
    (volume,) = world.lab.describe()["volumes"]
    assert volume["name"] == f"im-{NAME}.volume-0-root"
    assert not world.deploy(groups=groups).changed
    world.destroy()
    assert not world.left()


def test_a_public_network_of_the_site(world: World) -> None:
    networks = (Network("public", public=True, provider_id="provider"),)
    (host,) = world.deploy(networks=networks, groups=(replace(FRONT, networks=("public",)),)).instances
    assert host["public_ip"] == host["private_ip"]
    assert not world.lab.describe()["floating_ips"]
    world.destroy()
    assert not world.left()


@pytest.mark.long
def test_a_floating_ip_of_the_pool_that_the_template_names(world: World) -> None:
    connection = world.lab.connection()
    pool = connection.network.find_network("public")
    free = connection.network.create_ip(floating_network_id=pool.id)
    before = world.lab.describe()
    networks = (Network("private"), Network("public", public=True, provider_id="public"))
    groups = (replace(FRONT, networks=("private", "public")), WORKERS)
    done = world.deploy(networks=networks, groups=groups)
    assert done.instances[0]["public_ip"] == free.floating_ip_address
    assert not world.deploy(networks=networks, groups=groups).changed
    world.destroy()
    assert world.lab.describe() == before


@pytest.mark.long
def test_a_fixed_address_and_a_network_that_exists(world: World) -> None:
    network = world.lab.connection().network
    lan = network.create_network(name="lan")
    network.create_subnet(network_id=lan.id, cidr="10.66.0.0/24", ip_version=4)
    groups = (replace(WORKERS, count=1, addresses={"private": "10.66.0.77"}),)
    done = world.deploy(networks=(Network("private", provider_id="lan"),), groups=groups)
    assert done.instances[0]["private_ip"] == "10.66.0.77"
    world.destroy()
    assert [item["name"] for item in world.left()["networks"] if item not in world.before["networks"]] == ["lan"]


def test_quota_is_read_before_anything_is_made(world: World) -> None:
    admin = world.lab.connection("lab-admin")
    project = world.cloud.site.project
    admin.set_compute_quotas(project, cores=2)
    try:
        with pytest.raises(HostsError, match="needs 3 vCPU, 2 are left"):
            world.deploy()
        assert not world.left()
    finally:
        world.lab.reset()


@pytest.mark.long
def test_another_key_is_refused_while_hosts_have_the_first(world: World) -> None:
    world.deploy(groups=(WORKERS,))
    with pytest.raises(HostsError, match="another key pair"):
        world.deploy(groups=(WORKERS,), public_key=KEY.replace("IKlV", "IKlX"))


@pytest.mark.long
def test_two_infrastructures_with_names_that_begin_alike(world: World) -> None:
    world.deploy(groups=(replace(WORKERS, count=1),))
    other = f"{NAME}-b"
    world.deploy(infrastructure=other, groups=(replace(WORKERS, count=1),))
    world.destroy()
    assert [item["name"] for item in world.servers()] == [f"{other}-wn-0"]
    assert not world.deploy(infrastructure=other, groups=(replace(WORKERS, count=1),)).changed
    world.destroy(infrastructure=other)
    assert not world.left()


@pytest.mark.long
def test_others_are_left_out_by_the_services_and_a_server_with_another_name_is_found(world: World) -> None:
    groups = (replace(FRONT, public=False),)
    world.deploy(groups=groups)
    world.deploy(infrastructure="u", groups=groups)
    for kind in (kinds.SERVERS, kinds.VOLUMES):
        everything = world.cloud.all(kind) or []
        some = world.cloud.all(kind, kinds.narrow(kind, NAME)) or []
        assert len(everything) == 2
        assert [item for item in everything if kinds.is_ours(kind, item, NAME)] == some
    (server,) = world.cloud.mine(kinds.SERVERS, NAME)
    world.cloud.call(kinds.COMPUTE, "PUT", f"/servers/{server['id']}", {"server": {"name": "mine"}})
    assert [item["name"] for item in world.deploy(groups=groups).instances] == ["mine"]
    assert world.destroy().deleted == ["mine"]
    world.destroy(infrastructure="u")
    assert not world.left()

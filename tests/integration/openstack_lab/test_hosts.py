# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers are hosts: reached by SSH, guarded by security groups, with volumes that keep what is on them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from lab.openstack.client import Lab
from lab.openstack.trial import Cloud, wait_for

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # of openstacksdk about itself
    pytest.mark.skipif(bool(Lab.missing()), reason=Lab.missing()),
]


def run(*words: str) -> str:
    return subprocess.run(words, text=True, capture_output=True, check=False, timeout=60).stdout


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(hosts=True, state=folder / "state") as lab:
        yield Cloud(lab, folder)


def test_a_host_has_address_key_and_user_data_and_its_volume_keeps_what_is_on_it(cloud: Cloud) -> None:
    volume = cloud.make_volume()
    server = cloud.run(user_data="#!/bin/sh\necho done >/etc/told\n", name="front")
    assert cloud.wait(server).status == "ACTIVE"
    fixed = cloud.address(server)
    assert cloud.is_closed(fixed)
    address = cloud.publish(server)
    cloud.attach(server, volume)
    assert cloud.ask(address, "hostname -I; hostname; cat /sys/class/net/eth0/address").split() == [
        fixed,
        "front",
        cloud.port(server).mac_address,
    ]
    wait_for(lambda: cloud.ssh(address, "cat /etc/told").stdout == "done\n", "user data")
    assert cloud.ssh(address, "true", user="root").returncode != 0
    link = f"/dev/disk/by-id/virtio-{volume[:20]}"
    cloud.ask(address, f"sudo mkfs.ext4 -q {link} && sudo mount /dev/vdb /mnt && echo kept | sudo tee /mnt/file")
    assert cloud.ask(address, "sudo blockdev --getsize64 /dev/vdb; sudo umount /mnt") == str(2**30)
    snapshot = cloud.os.block_storage.create_snapshot(volume_id=volume, is_forced=True).id
    wait_for(lambda: cloud.os.block_storage.get_snapshot(snapshot).status == "available", "the snapshot")
    copy = cloud.make_volume(size=2, snapshot_id=snapshot)
    cloud.os.compute.stop_server(server)
    cloud.wait(server, "SHUTOFF")
    assert cloud.is_closed(address)
    cloud.attach(server, copy)
    cloud.os.compute.start_server(server)
    cloud.wait(server)
    found = cloud.ask(address, "sudo mount -r /dev/vdc /mnt && cat /mnt/file; sudo blockdev --getsize64 /dev/vdc")
    assert found == f"kept\n{2**31}"
    cloud.os.compute.delete_server(server)
    wait_for(lambda: server not in run("podman", "ps", "-a", "--format", "{{.Names}}"), "the end of the host")
    cloud.wait_volume(copy, "available")
    assert copy not in run("losetup", "-a")


@pytest.mark.long
def test_groups_open_and_close_ports_and_networks_are_apart(cloud: Cloud) -> None:
    inner = cloud.make_group("inner")
    first, second = cloud.run(), cloud.run(groups=(inner,))
    # A host of another network at the address of the first is another host.
    network, _subnet, _router = cloud.make_network("10.20.0.0/24", router=False)
    cloud.wait(first)
    cloud.wait(second)
    outside, guarded = cloud.publish(first), cloud.address(second)
    reach = f"timeout 2 bash -c 'echo > /dev/tcp/{guarded}/22' && echo reached"
    cloud.ask(outside, "true")
    assert "reached" not in cloud.ssh(outside, reach).stdout
    cloud.allow(inner, 22, remote_group_id=cloud.group)
    wait_for(lambda: "reached" in cloud.ssh(outside, reach).stdout, "the way between groups")
    hidden = cloud.publish(second)
    assert cloud.is_closed(hidden)
    rule = cloud.allow(inner, 22, remote_ip_prefix=f"{cloud.lab.machine}/32")
    assert cloud.ask(hidden, "hostname -I") == guarded
    cloud.os.network.delete_security_group_rule(rule)
    wait_for(lambda: cloud.is_closed(hidden), "the closed port")
    apart = cloud.run(network=network)
    cloud.wait(apart)
    far = cloud.address(apart)
    reach = f"timeout 2 bash -c 'echo > /dev/tcp/{far}/22' && echo reached"
    if far not in (cloud.address(first), guarded):
        assert "reached" not in cloud.ssh(outside, reach).stdout
    # A host without a floating address goes out by its router.
    out = f"timeout 3 bash -c 'echo > /dev/tcp/{outside}/22' && echo reached"
    assert "reached" in cloud.ssh(guarded, out, jump=outside).stdout
    for server in (first, second, apart):
        cloud.os.compute.delete_server(server)


@pytest.mark.long
def test_ports_of_the_provider_network_are_reached_as_they_are_and_images_have_the_files(cloud: Cloud) -> None:
    provider = cloud.os.network.find_network("provider").id
    server = cloud.run(network=provider)
    cloud.wait(server)
    address = cloud.address(server)
    cloud.ask(address, "echo mine | sudo tee /etc/mine")
    image = cloud.os.compute.create_server_image(server, "golden copy").id
    wait_for(lambda: cloud.os.image.get_image(image).status == "active", "the image")
    wait_for(lambda: not cloud.os.compute.get_server(server).task_state, "the end of the task")
    copy = cloud.run(network=provider, image_id=image)
    cloud.os.compute.resize_server(server, cloud.os.compute.find_flavor("m1.small").id)
    cloud.wait(server, "VERIFY_RESIZE")
    cloud.os.compute.confirm_server_resize(server)
    cloud.wait(server)
    cloud.wait(copy)
    assert cloud.ask(cloud.address(copy), "cat /etc/mine") == "mine"
    assert cloud.ask(address, "cat /etc/mine") == "mine"
    cloud.ssh(address, "sudo systemctl poweroff")
    cloud.wait(server, "SHUTOFF")


@pytest.mark.long
def test_a_router_connects_networks_whose_hosts_are_there_already_and_interfaces_come_and_go(cloud: Cloud) -> None:
    first, first_subnet, way = cloud.make_network("10.31.0.0/24")
    second, second_subnet, _none = cloud.make_network("10.32.0.0/24", router=False)
    one, two = cloud.run(network=first), cloud.run(network=second)
    cloud.wait(one)
    cloud.wait(two)
    outside, far = cloud.publish(one), cloud.address(two)
    reach = f"timeout 2 bash -c 'echo > /dev/tcp/{far}/22' && echo reached"
    cloud.ask(outside, "true")
    assert "reached" not in cloud.ssh(outside, reach).stdout
    cloud.os.network.add_interface_to_router(way, subnet=second_subnet)
    wait_for(lambda: "reached" in cloud.ssh(outside, reach).stdout, "the way by the router")
    assert cloud.ask(far, "hostname -I", jump=outside) == far
    made = cloud.os.network.create_port(network_id=second, security_groups=[cloud.group])
    cloud.os.compute.create_server_interface(one, port_id=made.id)
    wait_for(lambda: "eth1" in cloud.ssh(outside, "ip -br link").stdout, "the second interface")
    cloud.os.compute.delete_server_interface(made.id, server=one)
    wait_for(lambda: "eth1" not in cloud.ssh(outside, "ip -br link").stdout, "the end of the interface")
    for server in (one, two):
        cloud.os.compute.delete_server(server)
    assert first_subnet != second_subnet


def test_nothing_is_left(cloud: Cloud) -> None:
    cloud.lab.reset()
    left = cloud.lab.describe()
    assert [item["name"] for item in left["security_groups"]] == ["default"]
    assert not any(left[kind] for kind in left if not kind.startswith("security_group"))
    assert cloud.lab.state.name not in run("losetup", "-a")

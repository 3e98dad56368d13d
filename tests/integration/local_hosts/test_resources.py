# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports, volumes, shares, networks and limits of hosts."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from .conftest import Cloud, group, instances, podman

pytestmark = pytest.mark.integration

ECHO = """
import socket, threading
def tcp(port):
    s = socket.create_server(("0.0.0.0", port))
    while True:
        s.accept()[0].sendall(b"port %d" % port)
def udp(port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("0.0.0.0", port))
    while True:
        s.sendto(b"udp", s.recvfrom(9)[1])
for work in [lambda: tcp(7001), lambda: tcp(7002), lambda: udp(7003)]:
    threading.Thread(target=work).start()
"""


def test_ports_are_published(cloud: Cloud) -> None:
    with socket.create_server(("127.0.0.1", 18091)):
        ports = [
            {"first": 22, "last": 22, "target": 22},
            {"first": 18081, "last": 18082, "target": 7001},
            {"first": 18091, "last": 18091, "target": 7002},
            {"first": 18083, "last": 18083, "target": 7003, "protocol": "udp"},
        ]
        host = instances(cloud.present(group("front", 1, public=True, ports=ports)))[0]
    local: dict[str, Any] = {"host_address": "127.0.0.1", "count": 1}
    assert host["ports"] == [
        {**local, "protocol": "tcp", "host_port": 18081, "target": 7001, "count": 2},
        {**local, "protocol": "tcp", "host_port": 18092, "target": 7002},
        {**local, "protocol": "udp", "host_port": 18083, "target": 7003},
    ]
    podman("exec", "-d", host["name"], "python3", "-c", ECHO)
    time.sleep(1)
    assert _say_tcp(18081) == b"port 7001"
    assert _say_tcp(18082) == b"port 7002"
    assert _say_tcp(18092) == b"port 7002"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(b"?", ("127.0.0.1", 18083))
        assert client.recv(9) == b"udp"


def test_private_hosts_publish_nothing_and_have_no_public_address(cloud: Cloud) -> None:
    ports = [{"first": 18085, "last": 18085, "target": 80}]
    front = group("front", 1, public=True, networks=["public"])
    hosts = instances(cloud.present(front, group("worker", 1, ports=ports)))
    assert hosts[0]["public_ip"] == hosts[0]["private_ip"]
    assert (hosts[1]["public_ip"], hosts[1]["ports"]) == (None, [])


def test_a_volume_lives_and_dies_with_its_host(cloud: Cloud) -> None:
    volumes = [
        {"name": "data", "size": 10, "mount": "/mnt/data"},
        {"name": "swap", "size": 10, "mount": "/swap", "fs_type": "swap"},
        {"name": "raw", "size": 10},
    ]
    made = cloud.present(group("worker", 2, volumes=volumes))
    assert len(made["warnings"]) == 2
    names = [item["name"] for item in instances(made)]
    cloud.inside(names[1], "sh", "-c", "mountpoint -q /mnt/data && echo kept > /mnt/data/file")
    cloud.state("stopped")
    cloud.present(group("worker", 2, volumes=volumes))
    assert cloud.inside(names[1], "cat", "/mnt/data/file") == "kept\n"
    labels = podman("volume", "inspect", f"{names[1]}-data", "--format", "{{json .Labels}}")
    assert f'"im_infrastructure":"{cloud.name}","im_instance":"1","im_node":"worker","im_volume":"data"' in labels
    fewer = cloud.present(group("worker", 1, volumes=volumes))
    assert f"volume {names[1]}-data" not in fewer["diff"]["after"]
    volumes_left = [name for name in cloud.resources() if name.startswith("volume") and name.endswith("-data")]
    assert volumes_left == [f"volume {names[0]}-data"]


def test_a_volume_that_exists_is_used_and_kept(cloud: Cloud) -> None:
    name = f"{cloud.name}-given"
    front = group("front", 1, volumes=[{"name": "data", "volume_id": name, "mount": "/mnt/data"}])
    refused = cloud.call(**cloud.options(front))
    assert refused["failed"]
    assert f"There is no volume '{name}'" in refused["msg"]
    podman("volume", "create", name)
    try:
        host = instances(cloud.present(front))[0]
        cloud.inside(host["name"], "mountpoint", "-q", "/mnt/data")
        cloud.state("absent")
        podman("volume", "inspect", name)
    finally:
        podman("volume", "rm", "-f", name)


def test_shares_are_seen_by_all_who_name_them(cloud: Cloud) -> None:
    data = {"name": "data", "mount": "/home/data", "size": 1}
    front = group("front", 1, shares=["/home"], volumes=[data])
    made = instances(cloud.present(front, group("worker", 1, shares=["/home"]), group("other", 1)))
    one, two, other = (item["name"] for item in made)
    assert [item["shares"] for item in made] == [["/home"], ["/home"], []]
    cloud.inside(one, "sh", "-c", "echo 1 > /home/common; echo 2 > /home/data/deep")
    assert cloud.inside(two, "cat", "/home/common", "/home/data/deep") == "1\n2\n"
    cloud.inside(two, "test", "-O", "/home")
    assert cloud.inside(other, "ls", "/home") == "debian\n"
    assert "debian" in cloud.inside(two, "ls", "/home")
    more = instances(cloud.present(front, group("worker", 2, shares=["/home"]), group("other", 1)))
    assert cloud.inside(more[-1]["name"], "cat", "/home/data/deep") == "2\n"


def test_networks_that_exist_are_used_and_kept(cloud: Cloud) -> None:
    name = f"{cloud.name}-given"
    podman("network", "create", name)
    try:
        networks = [{"name": "private", "provider_id": name}]
        made = cloud.present(group("worker", 1), networks=networks)
        assert cloud.resources() == [f"host {cloud.name}-worker-0"]
        address = instances(made)[0]["private_ip"]
        assert cloud.inside(f"{cloud.name}-worker-0", "hostname", "-I").split() == [address]
        cloud.state("absent")
    finally:
        podman("network", "rm", name)


def test_a_network_has_the_addresses_it_asks_for(cloud: Cloud) -> None:
    networks = [{"name": "private", "cidr": "10.95.77.0/28"}]
    made = cloud.present(group("worker", 2), networks=networks)
    assert [item["private_ip"] for item in instances(made)] == ["10.95.77.10", "10.95.77.11"]


def test_limits_hold(cloud: Cloud) -> None:
    host = instances(cloud.present(group("worker", 1, cpus=0.5, memory=400 * 1024**2)))[0]
    assert (host["cpus"], host["memory"]) == (0.5, 400 * 1024**2)
    shown = podman("inspect", host["name"], "--format", "{{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}").split()
    assert shown == ["500000000", str(400 * 1024**2)]


def test_what_a_host_is_called(cloud: Cloud) -> None:
    front = group("front", 1, hostname="slurm-#N#", domain="example.org", instance_name="Front_End")
    host = instances(cloud.present(front))[0]
    assert host["name"] == f"{cloud.name}-front-end-0"
    assert cloud.inside(host["name"], "hostname", "-f") == "slurm-0.example.org\n"


def _say_tcp(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        return client.recv(20)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same servers by openstacksdk alone, with threads, without a look at what exists: the least that the API allows.

Usage: raw.py deploy|again|destroy HOSTS IMAGE FLAVOR PUBLIC_KEY
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openstack

NAME = "bench"
_THREADS = 12


def deploy(cloud: Any, hosts: int, image: str, flavor: str, key: str) -> None:
    """Make everything and wait until the servers are active."""
    outside = cloud.network.find_network("public", ignore_missing=False)
    network = cloud.network.create_network(name=NAME)
    subnet = cloud.network.create_subnet(name=NAME, network_id=network.id, ip_version=4, cidr="10.42.0.0/16")
    router = cloud.network.create_router(name=NAME, external_gateway_info={"network_id": outside.id})
    cloud.network.add_interface_to_router(router, subnet_id=subnet.id)
    group = cloud.network.create_security_group(name=NAME)
    cloud.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp", port_range_min=22,
        port_range_max=22, remote_ip_prefix="0.0.0.0/0",
    )  # fmt: skip
    cloud.compute.create_keypair(name=NAME, public_key=key)
    wanted = {
        "image_id": cloud.image.find_image(image, ignore_missing=False).id,
        "flavor_id": cloud.compute.find_flavor(flavor, ignore_missing=False).id,
        "networks": [{"uuid": network.id}],
        "security_groups": [{"name": NAME}],
        "key_name": NAME,
    }
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(lambda number: cloud.compute.create_server(name=f"{NAME}-{number}", **wanted), range(hosts)))
    wait(cloud, lambda found: len(found) == hosts and all(item.status == "ACTIVE" for item in found))


def again(cloud: Any) -> None:
    """Look at everything."""
    list(cloud.compute.servers())
    for name in ("networks", "subnets", "routers", "ports", "security_groups"):
        list(getattr(cloud.network, name)())
    list(cloud.compute.keypairs())


def destroy(cloud: Any) -> None:
    """Remove everything."""
    found = list(cloud.compute.servers())
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(cloud.compute.delete_server, found))
    wait(cloud, lambda left: not left)
    cloud.compute.delete_keypair(NAME)
    router = cloud.network.find_router(NAME)
    subnet = cloud.network.find_subnet(NAME)
    cloud.network.remove_interface_from_router(router, subnet_id=subnet.id)
    cloud.network.delete_router(router)
    cloud.network.delete_network(cloud.network.find_network(NAME))
    cloud.network.delete_security_group(cloud.network.find_security_group(NAME))


def wait(cloud: Any, done: Any) -> None:
    """Wait until the list of servers is as it shall be."""
    for _attempt in range(600):
        if done(list(cloud.compute.servers())):
            return
        time.sleep(1)
    raise SystemExit("the servers are not as they shall be")


def main() -> None:
    """Do one phase."""
    phase, hosts, image, flavor, key = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
    cloud = openstack.connect()
    if phase == "deploy":
        deploy(cloud, hosts, image, flavor, key)
    elif phase == "again":
        again(cloud)
    else:
        destroy(cloud)


if __name__ == "__main__":
    main()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading moto's memory: the one place that knows where things are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ACCOUNT = "123456789012"
HOME = "us-east-1"
GONE = ("terminated",)
ENDING = ("shutting-down", "terminated")


def ec2(region: str = HOME) -> Any:
    """Return the EC2 of a region."""
    from moto.ec2.models import ec2_backends

    return ec2_backends[ACCOUNT][region]


def known_regions() -> list[str]:
    """Return the regions that were used."""
    from moto.ec2.models import ec2_backends

    return sorted(ec2_backends[ACCOUNT].keys())


def subnets(backend: Any) -> dict[str, Any]:
    """Return all subnets by id."""
    return {key: item for zone in list(backend.subnets.values()) for key, item in list(zone.items())}


def groups(backend: Any) -> dict[str, Any]:
    """Return all security groups by id."""
    return {key: item for vpc in list(backend.groups.values()) for key, item in list(vpc.items())}


def interfaces(backend: Any) -> list[Any]:
    """Return all network interfaces."""
    return list(backend.enis.values())


def instances(backend: Any) -> dict[str, Any]:
    """Return all instances by id, terminated ones too."""
    return {item.id: item for reservation in list(backend.reservations.values()) for item in reservation.instances}


def live_instances() -> Iterator[Any]:
    """Return the instances of all regions that are not terminated."""
    for region in known_regions():
        yield from (item for item in instances(ec2(region)).values() if item.state not in GONE)


def find_instance(instance_id: str) -> Any:
    """Return an instance of any region, None when there is none."""
    for region in known_regions():
        found = instances(ec2(region)).get(instance_id)
        if found is not None:
            return found
    return None


def default_group(backend: Any, vpc_id: str) -> Any:
    """Return the default security group of a VPC."""
    return next((item for item in backend.groups[vpc_id].values() if item.name == "default"), None)


def route_table(backend: Any, subnet: Any) -> Any:
    """Return the route table that counts for a subnet, None without one."""
    tables = [item for item in list(backend.route_tables.values()) if item.vpc_id == subnet.vpc_id]
    for table in tables:
        if subnet.id in table._associations.values():
            return table
    return next((item for item in tables if item.main_association_id), None)


def default_route(backend: Any, subnet: Any) -> tuple[str, Any]:
    """Return what the route to everywhere leads to: ("internet", gateway), ("nat", gateway) or ("", None)."""
    table = route_table(backend, subnet)
    for route in list(table.routes) if table is not None else []:
        if route.destination_cidr_block != "0.0.0.0/0":
            continue
        gateway = route.gateway
        if gateway is not None and getattr(gateway, "vpc", None) is not None and gateway.vpc.id == subnet.vpc_id:
            return "internet", gateway
        if route.nat_gateway is not None and route.nat_gateway.state == "available":
            return "nat", route.nat_gateway
    return "", None


def public_key(instance: Any) -> str:
    """Return the public key that opens an instance, "" without one."""
    pair = instance.ec2_backend.key_pairs.get(instance.key_name)
    material = getattr(pair, "material_public", b"") or b""
    return (material.decode() if isinstance(material, bytes) else str(material)).strip()

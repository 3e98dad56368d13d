# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks that the site has for all projects. Their addresses differ from lab to lab on a machine."""

from __future__ import annotations

import ipaddress
from typing import Any

from .api import Api

PUBLIC, PROVIDER = "public", "provider"
_PREFIX = 22
_FIRST = 10


def blocks(network: ipaddress.IPv4Network) -> dict[str, ipaddress.IPv4Network]:
    """Return the ranges of the external network and of the one whose ports are reachable as they are."""
    parts = list(network.subnets(new_prefix=_PREFIX))
    return {PUBLIC: parts[1], PROVIDER: parts[2]}


def make(api: Api, network: ipaddress.IPv4Network) -> None:
    """Make both networks."""
    for name, block in blocks(network).items():
        kind = {"router:external": True} if name == PUBLIC else {"shared": True}
        where = {"provider:network_type": "flat", "provider:physical_network": name}
        made = api.call("neutron", "POST", "/networks", {"network": {"name": name, **kind, **where}})["network"]
        subnet: dict[str, Any] = {"name": f"{name}4", "network_id": made["id"], "ip_version": 4, "cidr": str(block)}
        pool = {"start": str(block[_FIRST]), "end": str(block[-2])}
        subnet.update({"gateway_ip": str(block[1]), "allocation_pools": [pool], "enable_dhcp": name == PROVIDER})
        api.call("neutron", "POST", "/subnets", {"subnet": subnet})

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: private ones in order and never twice, public ones out of the range of the lab."""

from __future__ import annotations

import ipaddress
from typing import Any

from . import account

FIRST = 4  # AWS keeps the first four addresses of a subnet, and the last one.


class Pool:
    """The public addresses of the lab. The next one is always another one, so that old host keys do not disturb."""

    def __init__(self, network: ipaddress.IPv4Network, reserved: int) -> None:
        self._hosts = [str(network[number]) for number in range(reserved, network.num_addresses - 1)]
        self._next = 0

    def take(self, *_arguments: Any) -> str:
        """Return an address that nobody has."""
        used = _used()
        for step in range(len(self._hosts)):
            address = self._hosts[(self._next + step) % len(self._hosts)]
            if address not in used:
                self._next = (self._next + step + 1) % len(self._hosts)
                return address
        raise RuntimeError("the lab has no public address left")


def _used() -> set[str]:
    result: set[str] = set()
    for region in account.known_regions():
        backend = account.ec2(region)
        result |= {item.public_ip for item in account.interfaces(backend) if item.public_ip}
        result |= {item.public_ip for item in backend.addresses}
    return result


def taken(backend: Any, subnet_id: str) -> set[str]:
    """Return the private addresses of a subnet that are in use."""
    found: set[str] = set()
    for interface in account.interfaces(backend):
        if interface.subnet.id == subnet_id:
            found.add(interface.private_ip_address)
            found |= {item["PrivateIpAddress"] for item in interface.private_ip_addresses}
    return found


def next_private(subnet: Any) -> str:
    """Return a free address of a subnet, the one after the last that was given; "" when it is full."""
    network = ipaddress.ip_network(subnet.cidr_block)
    used = taken(subnet.ec2_backend, subnet.id) | set(getattr(subnet, "lab_given", ()))
    room = network.num_addresses - FIRST - 1
    start = getattr(subnet, "lab_next", 0)
    for step in range(max(room, 0)):
        number = (start + step) % room
        address = str(network[FIRST + number])
        if address not in used:
            subnet.lab_next = number + 1
            return address
    return ""

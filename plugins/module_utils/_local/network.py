# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing networks and addresses: pure."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator

from .._hosts.model import HostsError

IPv4 = ipaddress.IPv4Network
POOL = IPv4("10.64.0.0/12")
PREFIX = 22
FIRST_HOST = 10


def free_subnet(infrastructure: str, name: str, taken: Iterable[IPv4]) -> IPv4:
    """Return a network that overlaps none of `taken`; raises HostsError when there is none.

    Where the search starts depends on the names, so that two runs seldom want the same.
    """
    busy = list(taken)
    for subnet in _candidates(f"{infrastructure}/{name}"):
        if not any(subnet.overlaps(other) for other in busy):
            return subnet
    raise HostsError(f"There is no free network in {POOL} for {name}.", "give the network a cidr.")


def given_subnet(name: str, cidr: str) -> IPv4:
    """Return the network that a template asks for; raises HostsError when it is not IPv4 or too small for hosts."""
    try:
        subnet = IPv4(cidr, strict=False)
    except ValueError as error:
        raise HostsError(f"Network {name} asks for the cidr {cidr!r}, which is not an IPv4 network.") from error
    if subnet.prefixlen > 29:
        raise HostsError(f"Network {name} asks for the cidr {cidr}, which is too small.", "use a prefix of at most 29.")
    return subnet


def choose_address(subnet: IPv4, number: int, used: Iterable[str], fixed: str = "") -> str:
    """Return the address of host `number`; raises HostsError when the network is full.

    It is the `fixed` one if there is one, else the network's plus 10 plus the number when that is free, else the first
    free one.
    """
    busy = set(used)
    if fixed:
        if ipaddress.ip_address(fixed) not in subnet or fixed in busy:
            raise HostsError(f"The address {fixed} is not free in the network {subnet}.", "give the network a cidr.")
        return fixed
    for place in (FIRST_HOST + number, *range(FIRST_HOST, subnet.num_addresses - 1), *range(2, FIRST_HOST)):
        if place < subnet.num_addresses - 1 and str(subnet[place]) not in busy:
            return str(subnet[place])
    raise HostsError(f"The network {subnet} has no free address for host {number}.", "use a larger network.")


def hardware_address(address: str) -> str:
    """Return the MAC address of a host with an IPv4 address.

    It follows from the address: whoever spoke to a host there before reaches a new one at once, without waiting until
    what it remembers (ARP) is too old.
    """
    return ":".join(f"{byte:02x}" for byte in (0x0A, 0x43, *ipaddress.IPv4Address(address).packed))


def _candidates(seed: str) -> Iterator[IPv4]:
    count = 2 ** (PREFIX - POOL.prefixlen)
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") % count
    size = 2 ** (32 - PREFIX)
    for step in range(count):
        yield IPv4((int(POOL.network_address) + (start + step) % count * size, PREFIX))

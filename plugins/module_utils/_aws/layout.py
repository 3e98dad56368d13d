# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the hosts of an infrastructure live in a VPC: pure.

A host has one network interface. The networks of the contract decide who talks to whom by security groups, one for each
network; a VPC routes between its subnets anyway. Public hosts live in subnets with a way to the internet gateway, the
others in subnets without.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .._hosts.model import Group, HostsError, Network
from .request import Request

# What a VPC of ours has: room for 16 subnets of 4091 hosts.
VPC_BLOCK = ipaddress.IPv4Network("10.0.0.0/16")
_SUBNET_BITS = 20
_EXISTING_VPC = re.compile(r"vpc-[0-9a-f]{8,17}")
_EXISTING_SUBNET = re.compile(r"subnet-[0-9a-f]{8,17}")
# EC2 keeps the first four addresses of a subnet and the last one for itself.
_KEPT = 4


@dataclass(frozen=True)
class Place:
    """A subnet of the layout: hosts of one network that have, or have not, public addresses."""

    network: Network
    public: bool

    @property
    def part(self) -> str:
        """Return the value of the tag im_part."""
        return f"subnet/{self.network.name}/{'public' if self.public else 'inside'}"


@dataclass(frozen=True)
class Existing:
    """What a template names of the account: a VPC, and subnets by network."""

    vpc: str = ""
    subnets: tuple[tuple[str, str], ...] = ()


def place_of(request: Request, group: Group) -> Place:
    """Return where hosts of a group live: in the network of a fixed address, a public host in a public one, else in
    the first."""
    networks = request.networks_of(group)
    fixed = [network for network in networks if group.addresses.get(network.name)]
    public = [network for network in networks if network.public] if group.public else []
    return Place((fixed or public or networks)[0], group.public)


def places(request: Request) -> list[Place]:
    """Return the subnets that the groups with hosts need, those with fixed ranges first.

    Raises HostsError for a network that needs two subnets with one range.
    """
    used = dict.fromkeys(place_of(request, group) for group in request.groups if group.count)
    found = sorted(used, key=lambda place: not place.network.cidr)
    for place in found:
        twin = Place(place.network, not place.public)
        if place.network.cidr and twin in found:
            raise HostsError(
                f"The network {place.network.name!r} has a fixed range and both public and private hosts: "
                "on EC2 these are two subnets.",
                "leave out the range, or give the public hosts a network of their own.",
            )
    return found


def existing(request: Request) -> Existing:
    """Return what the template names of the account; raises HostsError for what is no id of EC2."""
    vpcs: set[str] = set()
    subnets: list[tuple[str, str]] = []
    for network in request.networks:
        text = network.provider_id or ""
        vpc, subnet = _EXISTING_VPC.search(text), _EXISTING_SUBNET.search(text)
        if text and not vpc and not subnet:
            raise HostsError(
                f"Network {network.name!r}: {text!r} is neither a VPC nor a subnet of EC2.",
                "write vpc-..., subnet-... or vpc-....subnet-....",
            )
        vpcs |= {vpc[0]} if vpc else set()
        subnets += [(network.name, subnet[0])] if subnet else []
    if len(vpcs) > 1:
        raise HostsError(f"The networks are in several VPCs: {', '.join(sorted(vpcs))}.", "use one VPC.")
    return Existing(next(iter(vpcs), ""), tuple(subnets))


def vpc_block(networks: Iterable[Network]) -> ipaddress.IPv4Network:
    """Return the range of a new VPC: the largest that EC2 allows, around what the template fixes. Raises HostsError."""
    fixed = [read_block(network) for network in networks if network.cidr]
    if not fixed or all(block.subnet_of(VPC_BLOCK) for block in fixed):
        return VPC_BLOCK
    found = ipaddress.IPv4Network((int(fixed[0].network_address), VPC_BLOCK.prefixlen), strict=False)
    outside = [str(block) for block in fixed if not block.subnet_of(found)]
    if outside:
        raise HostsError(
            f"The ranges of the networks do not fit into one VPC of 65536 addresses: {outside[0]} is not in {found}."
        )
    return found


def read_block(network: Network) -> ipaddress.IPv4Network:
    """Return the range that a template fixes for a network. Raises HostsError."""
    try:
        return ipaddress.IPv4Network(str(network.cidr))
    except ValueError as error:
        raise HostsError(f"Network {network.name!r}: {network.cidr!r} is not a range of addresses ({error}).") from None


def subnet_block(
    network: Network, blocks: Sequence[ipaddress.IPv4Network], used: Sequence[ipaddress.IPv4Network]
) -> ipaddress.IPv4Network:
    """Return a range for a new subnet: the fixed one, or one that is free in the VPC. Raises HostsError."""
    if network.cidr:
        wanted = read_block(network)
        clash = next((block for block in used if block.overlaps(wanted)), None)
        if clash is not None:
            raise HostsError(f"Network {network.name!r}: {wanted} overlaps the subnet {clash} of the VPC.")
        if not any(wanted.subnet_of(block) for block in blocks):
            raise HostsError(f"Network {network.name!r}: {wanted} is not in the VPC ({', '.join(map(str, blocks))}).")
        return wanted
    for block in blocks:
        for prefix in dict.fromkeys((max(_SUBNET_BITS, block.prefixlen), max(24, block.prefixlen), 28)):
            for candidate in block.subnets(new_prefix=max(prefix, block.prefixlen)):
                if not any(candidate.overlaps(other) for other in used):
                    return candidate
    raise HostsError(f"The VPC has no room for a subnet of network {network.name!r}.", "use another VPC.")


def check_address(address: str, block: ipaddress.IPv4Network, node: str) -> str:
    """Return a fixed address that hosts may have in a subnet. Raises HostsError."""
    try:
        found = ipaddress.IPv4Address(address)
    except ValueError:
        raise HostsError(f"Group {node}: {address!r} is not an IPv4 address.") from None
    if found not in block or int(found) - int(block.network_address) < _KEPT or found == block.broadcast_address:
        raise HostsError(f"Group {node}: {address} cannot be used in the subnet {block}.")
    return str(found)

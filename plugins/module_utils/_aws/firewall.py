# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups: one for each network, whose members reach each other, and one for each group of hosts with what the
template opens. Nothing else is open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._hosts.model import Group, Network
from . import kinds
from .kinds import Resource
from .network import PLANNED, Builder
from .request import Request

_ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, order=True)
class Rule:
    """What may come in: a protocol ("-1": all), ports, and from where: a range of addresses or a security group."""

    protocol: str
    first: int
    last: int
    cidr: str = ""
    group: str = ""

    def __str__(self) -> str:
        ports = "" if self.protocol == "-1" else f" {self.first}" + (f"-{self.last}" if self.last != self.first else "")
        return f"{'all' if self.protocol == '-1' else self.protocol}{ports} from {self.cidr or 'its own hosts'}"

    def as_permission(self) -> dict[str, Any]:
        """Return the rule in the form of EC2."""
        permission: dict[str, Any] = {"IpProtocol": self.protocol}
        if self.protocol != "-1":
            permission |= {"FromPort": self.first, "ToPort": self.last}
        if ":" in self.cidr:
            return {**permission, "Ipv6Ranges": [{"CidrIpv6": self.cidr}]}
        if self.cidr:
            return {**permission, "IpRanges": [{"CidrIp": self.cidr}]}
        return {**permission, "UserIdGroupPairs": [{"GroupId": self.group}]}


class Firewall:
    """The security groups of an infrastructure."""

    def __init__(self, builder: Builder, request: Request, vpc: str) -> None:
        self._builder, self._request, self._vpc = builder, request, vpc
        self._by_network: dict[str, str] = {}
        self._by_group: dict[str, str] = {}

    def build(self) -> None:
        """Make what is missing and bring all rules into the wanted state. Raises HostsError."""
        used = [group for group in self._request.groups if group.count]
        networks = {network.name: network for group in used for network in self._request.networks_of(group)}
        for name, network in networks.items():
            self._by_network[name] = self._network(network)
        for group in used:
            self._by_group[group.node] = self._hosts(group)

    def groups_of(self, group: Group) -> list[str]:
        """Return the ids of the security groups of a host group."""
        networks = [self._by_network[network.name] for network in self._request.networks_of(group)]
        return sorted({*networks, self._by_group[group.node]})

    def part_names(self) -> set[str]:
        """Return the parts that are wanted."""
        return {f"network/{name}" for name in self._by_network} | {f"hosts/{node}" for node in self._by_group}

    def _network(self, network: Network) -> str:
        found = self._make(f"network/{network.name}", f"hosts in network {network.name}")
        number = str(found.get("GroupId", PLANNED))
        self._converge(f"network {network.name}", found, [Rule("-1", -1, -1, group=number)])
        return number

    def _hosts(self, group: Group) -> str:
        found = self._make(f"hosts/{group.node}", f"what the outside reaches on {group.node}")
        self._converge(group.node, found, wanted_rules(group))
        return str(found.get("GroupId", PLANNED))

    def _make(self, part: str, description: str) -> Resource:
        return self._builder.make(
            kinds.GROUPS, part, f"security group {part}", "create_security_group", "",
            GroupName=f"im {self._request.infrastructure} {part}"[:255], Description=description[:255], VpcId=self._vpc,
        )  # fmt: skip

    def _converge(self, name: str, found: Resource, wanted: Iterable[Rule]) -> None:
        number = str(found.get("GroupId", PLANNED))
        have, want = set(read_rules(found)), set(wanted)
        changes, cloud = self._builder.changes, self._builder.cloud
        for rule in sorted(have & want):
            changes.keep(f"port of {name}: {rule}")
        for rule in sorted(want - have):
            changes.add(f"port of {name}: {rule}", lambda: None)
        for rule in sorted(have - want):
            changes.remove(f"port of {name}: {rule}", lambda: None)
        for action, rules, known in (
            ("authorize_security_group_ingress", want - have, ("InvalidPermission.Duplicate",)),
            ("revoke_security_group_ingress", have - want, ("InvalidPermission.NotFound",)),
        ):
            if rules:
                permissions = [rule.as_permission() for rule in sorted(rules)]
                changes.do(partial(cloud.remove, action, known, GroupId=number, IpPermissions=permissions))


def wanted_rules(group: Group) -> set[Rule]:
    """Return what the template opens on the hosts of a group.

    EC2 has no forwarding of ports: what the outside reaches is the port that the host itself listens at.
    """
    found = set()
    for port in group.ports:
        last = port.target + port.last - port.first
        protocol = port.protocol.lower()
        first, last = (-1, -1) if protocol == "icmp" else (port.target, last)
        found.add(Rule(protocol, first, last, cidr=port.remote_cidr or _ANYWHERE))
    return found


def read_rules(group: Resource) -> list[Rule]:
    """Return the incoming rules of a security group."""
    found = []
    for item in group.get("IpPermissions") or []:
        ports = (str(item["IpProtocol"]), int(item.get("FromPort", -1)), int(item.get("ToPort", -1)))
        found += [Rule(*ports, cidr=entry["CidrIp"]) for entry in item.get("IpRanges") or []]
        found += [Rule(*ports, cidr=entry["CidrIpv6"]) for entry in item.get("Ipv6Ranges") or []]
        found += [Rule(*ports, group=entry["GroupId"]) for entry in item.get("UserIdGroupPairs") or []]
    return found

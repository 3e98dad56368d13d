# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Security groups: one for each network, whose hosts reach each other, and one for each group that opens ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._hosts.model import Group, Network
from . import kinds
from .errors import status_of, text_of
from .kinds import NETWORK, Resource, tags_of
from .layout import Interface, Layout
from .network import PLANNED, Builder
from .request import Request

_ANYWHERE = "0.0.0.0/0"
_RULES = "/security-group-rules"
_WITHOUT_PORTS = ("icmp", "icmpv6", "ipv6-icmp", "esp", "ah", "gre")


@dataclass(frozen=True, order=True)
class Rule:
    """What may come in: a protocol ("" for all), ports, and from where: a range of addresses or a security group."""

    protocol: str
    first: int = 0
    last: int = 0
    cidr: str = ""
    group: str = ""

    def __str__(self) -> str:
        ports = f" {self.first}" + (f"-{self.last}" if self.last != self.first else "") if self.first else ""
        return f"{self.protocol or 'all'}{ports} from {self.cidr or 'its own hosts'}"

    def body(self, number: str) -> dict[str, Any]:
        """Return the rule in the form of neutron, for a security group."""
        found: dict[str, Any] = {"security_group_id": number, "direction": "ingress"}
        found["ethertype"] = "IPv6" if ":" in self.cidr else "IPv4"
        found |= {"protocol": self.protocol} if self.protocol else {}
        found |= {"port_range_min": self.first, "port_range_max": self.last} if self.first else {}
        return {**found, **({"remote_ip_prefix": self.cidr} if self.cidr else {"remote_group_id": self.group})}


class Firewall:
    """The security groups of an infrastructure."""

    def __init__(self, builder: Builder, request: Request, layout: Layout) -> None:
        self._builder, self._request, self._layout = builder, request, layout
        self._by_part: dict[str, Resource] = {}

    def build(self) -> None:
        """Make what is missing and bring all rules into the wanted state. Raises HostsError."""
        used = [group for group in self._request.groups if group.count]
        networks = {item.network.name: item.network for group in used for item in self._layout.interfaces(group)}
        for network in networks.values():
            self._network(network)
        for group in used:
            if group.ports:
                self._hosts(group)

    def groups_of(self, group: Group, item: Interface) -> list[str]:
        """Return the ids of the security groups of an interface of a host group."""
        parts = [f"network-{item.network.name}", f"hosts-{group.node}"]
        return sorted(str(self._by_part[part].get("id", PLANNED)) for part in parts if part in self._by_part)

    def tidy(self, used: Iterable[str]) -> None:
        """Remove security groups that no group needs any more, and twins; `used` are the ids of groups at ports."""
        kept = {str(item.get("id")) for item in self._by_part.values()} | set(used) | {self._holder()}
        for part, items in self._builder.seen.parts(kinds.GROUPS).items():
            for item in items:
                if str(item["id"]) not in kept:
                    delete = partial(self._builder.cloud.delete, kinds.GROUPS, str(item["id"]))
                    self._builder.changes.remove(f"security group {part}", delete)

    def remember(self, last: int) -> None:
        """Write down the highest number that was ever used: before its host goes, and when hosts were made."""
        if last <= self._builder.seen.mark:
            return
        holder = self._holder()
        if holder:
            tag = partial(self._builder.tag, kinds.GROUPS, holder, {kinds.LAST: str(last)})
            self._builder.changes.do(tag)

    def _holder(self) -> str:
        """The security group that bears the highest number, or shall do so: one that stays as long as there is one."""
        marked = [item for item in self._builder.seen.of(kinds.GROUPS) if kinds.LAST in tags_of(item)]
        wanted = [item for _part, item in sorted(self._by_part.items()) if item.get("id")]
        there = sorted(self._builder.seen.of(kinds.GROUPS), key=lambda item: str(item["name"]))
        return str(next(iter([*marked, *wanted, *there]), {"id": ""})["id"])

    def _network(self, network: Network) -> None:
        part = f"network-{network.name}"
        found = self._make(part)
        rule = Rule("", group=str(found.get("id", PLANNED)))
        self._converge(f"network {network.name}", found, [rule])

    def _hosts(self, group: Group) -> None:
        found = self._make(f"hosts-{group.node}")
        self._converge(group.node, found, wanted_rules(group))

    def _make(self, part: str) -> Resource:
        found = self._builder.make(kinds.GROUPS, part, f"security group {part}", {})
        self._by_part[part] = found
        return found

    def _converge(self, name: str, found: Resource, wanted: Iterable[Rule]) -> None:
        number, changes = str(found.get("id", PLANNED)), self._builder.changes
        have, want = read_rules(found), set(wanted)
        for rule in sorted(have.keys() & want):
            changes.keep(f"port of {name}: {rule}")
        new, old = sorted(want - have.keys()), sorted(have.keys() - want)
        for rule in new:
            changes.add(f"port of {name}: {rule}", lambda: None)
        for rule in old:
            changes.remove(f"port of {name}: {rule}", lambda: None)
        if new:
            changes.do(partial(self._open, number, new))
        for rule in old:
            changes.do(partial(self._builder.cloud.remove, NETWORK, "DELETE", f"{_RULES}/{have[rule]}"))

    def _open(self, number: str, rules: list[Rule]) -> None:
        """All rules in one call; when one of them is there already, one after the other."""
        cloud = self._builder.cloud
        if not self._added([rule.body(number) for rule in rules]) and len(rules) > 1:
            cloud.each(lambda rule: self._added([rule.body(number)]), rules)

    def _added(self, rules: list[dict[str, Any]]) -> bool:
        try:
            self._builder.cloud.call(NETWORK, "POST", _RULES, {"security_group_rules": rules})
        except Exception as error:
            if status_of(error) == 409 and "already exists" in text_of(error):
                return False
            raise
        return True


def wanted_rules(group: Group) -> set[Rule]:
    """Return what the template opens on the hosts of a group.

    Floating IPs forward no ports: what the outside reaches is the port that the host itself listens at.
    """
    found = set()
    for port in group.ports:
        protocol = port.protocol.lower()
        last = port.target + port.last - port.first
        first, last = (0, 0) if protocol in _WITHOUT_PORTS else (port.target, last)
        found.add(Rule(protocol, first, last, cidr=port.remote_cidr or _ANYWHERE))
    return found


def read_rules(group: Resource) -> dict[Rule, str]:
    """Return the incoming rules of a security group with their ids."""
    found = {}
    for item in group.get("security_group_rules") or []:
        if item["direction"] != "ingress":
            continue
        remote = str(item.get("remote_group_id") or "")
        anywhere = "::/0" if item.get("ethertype") == "IPv6" else _ANYWHERE
        cidr = "" if remote else str(item.get("remote_ip_prefix") or anywhere)
        ports = (int(item.get("port_range_min") or 0), int(item.get("port_range_max") or 0))
        found[Rule(str(item.get("protocol") or ""), *ports, cidr, remote)] = str(item["id"])
    return found

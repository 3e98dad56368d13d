# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What neutron says of the interfaces of the hosts, read from its database in one go: plain data."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..aws import wanted as shared
from ..aws.wanted import Group, Rule
from .database import Database

EVERYTHING = "everything"
_ALL = Rule("-1", -1, -1, ("0.0.0.0/0",), ())


@dataclass(frozen=True)
class Port(shared.Port):
    """An interface whose subnet may have another gateway than the first address, or none."""

    router: str = ""

    @property
    def gateway(self) -> str:
        """Return the address of the router of the subnet, "" for none."""
        return self.router


@dataclass
class Networking:
    """All ports by their id, as far as servers have them, and all security groups."""

    ports: dict[str, Port] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)


_STATEMENTS = (
    "select json_object('kind', 'port', 'id', p.id, 'network', p.network_id, 'mac', p.mac_address, "
    "'address', a.ip_address, 'cidr', s.cidr, 'gateway', s.gateway_ip, "
    "'secure', coalesce(b.port_security_enabled, 1)) from neutron.ports p "
    "join neutron.ipallocations a on a.port_id=p.id join neutron.subnets s on s.id=a.subnet_id "
    "left join neutron.portsecuritybindings b on b.port_id=p.id "
    "where p.device_owner like 'compute:%' and s.ip_version=4",
    "select json_object('kind', 'member', 'port', port_id, 'group', security_group_id) "
    "from neutron.securitygroupportbindings",
    "select json_object('kind', 'floating', 'port', fixed_port_id, 'address', floating_ip_address) "
    "from neutron.floatingips where fixed_port_id is not null",
    "select json_object('kind', 'link', 'router', r.router_id, 'network', p.network_id) "
    "from neutron.routerports r join neutron.ports p on p.id=r.port_id where r.port_type='network:router_interface'",
    "select json_object('kind', 'way', 'router', r.id, 'address', a.ip_address) from neutron.routers r "
    "join neutron.ipallocations a on a.port_id=r.gw_port_id where r.enable_snat=1",
    "select json_object('kind', 'rule', 'group', security_group_id, 'direction', direction, 'protocol', protocol, "
    "'first', port_range_min, 'last', port_range_max, 'network', remote_ip_prefix, 'remote', remote_group_id) "
    "from neutron.securitygrouprules where ethertype='IPv4'",
    "select json_object('kind', 'group', 'id', id) from neutron.securitygroups",
)


def read(database: Database, direct: ipaddress.IPv4Network) -> Networking:
    """Return what there is now; addresses in `direct` are reachable as they are."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in database.rows(*_STATEMENTS):
        rows.setdefault(row["kind"], []).append(row)
    return interpret(rows, direct)


def interpret(rows: Mapping[str, list[dict[str, Any]]], direct: ipaddress.IPv4Network) -> Networking:
    """Return what rows of the database mean."""
    links = [(row["router"], row["network"]) for row in rows.get("link", [])]
    spaces = connected(links)
    ways = {row["router"]: row["address"] for row in rows.get("way", [])}
    outside = {spaces[network]: ways[router] for router, network in links if router in ways}
    floating = {row["port"]: row["address"] for row in rows.get("floating", [])}
    members: dict[str, list[str]] = {}
    for row in rows.get("member", []):
        members.setdefault(row["port"], []).append(row["group"])
    result = Networking(groups={**_groups(rows), EVERYTHING: Group(EVERYTHING, (_ALL,), (_ALL,))})
    for row in rows.get("port", []):
        space = spaces.get(row["network"], row["network"])
        is_direct = ipaddress.ip_address(row["address"]) in direct
        address = row["address"] if is_direct else floating.get(row["id"], outside.get(space, ""))
        result.ports[row["id"]] = Port(
            interface=row["id"],
            index=0,
            address=row["address"],
            subnet=row["cidr"],
            mac=row["mac"],
            groups=tuple(sorted(members.get(row["id"], ()))) if row["secure"] else (EVERYTHING,),
            outside=address,
            open=row["id"] in floating and not is_direct,
            direct=is_direct,
            space=space,
            router=row["gateway"] or "",
        )
    return result


def connected(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return for each network that has a router the first of the networks it is connected with."""
    of_router: dict[str, set[str]] = {}
    for router, network in links:
        of_router.setdefault(router, set()).add(network)
    result: dict[str, str] = {}
    parts: list[set[str]] = []
    for networks in of_router.values():
        touching = [part for part in parts if part & networks]
        parts = [part for part in parts if not part & networks]
        parts.append(networks.union(*touching))
    for part in parts:
        result.update(dict.fromkeys(part, min(part)))
    return result


def _groups(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, Group]:
    ways: dict[tuple[str, str], list[Rule]] = {}
    for row in rows.get("rule", []):
        ways.setdefault((row["group"], row["direction"]), []).append(_rule(row))
    return {
        row["id"]: Group(
            row["id"], tuple(ways.get((row["id"], "ingress"), ())), tuple(ways.get((row["id"], "egress"), ()))
        )
        for row in rows.get("group", [])
    }


def _rule(row: Mapping[str, Any]) -> Rule:
    protocol = str(row["protocol"] or "-1").lower()
    first, last = row["first"], row["last"]
    if protocol in ("tcp", "udp", "6", "17") and first is None:
        first, last = 0, 65535
    anywhere = () if row["remote"] else ("0.0.0.0/0",)
    return Rule(
        protocol="-1" if protocol in ("any", "0") else protocol,
        first=-1 if first is None else int(first),
        last=-1 if last is None else int(last),
        networks=(row["network"],) if row["network"] else anywhere,
        groups=(row["remote"],) if row["remote"] else (),
    )

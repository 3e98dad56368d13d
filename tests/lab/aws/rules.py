# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of a VPC as a text for nft: security groups, public addresses, the way out. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from .wanted import Group, Port, Rule

_PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp"}


def ruleset(ports: Iterable[Port], groups: dict[str, Group]) -> str:
    """Return the whole ruleset of a VPC; loading it replaces the one before at once."""
    known = sorted(ports, key=lambda port: port.address)
    members: dict[str, list[str]] = {}
    for port in known:
        for group in port.groups:
            members.setdefault(group, []).append(port.address)
    lines = ["table inet lab {}", "delete table inet lab", "table inet lab {"]
    for port in known:
        lines += _chain(port, "in", groups, members) + _chain(port, "out", groups, members)
    lines += _forward(known) + _nat(known) + ["}"]
    return "\n".join(lines) + "\n"


def _chain(port: Port, way: str, groups: dict[str, Group], members: dict[str, list[str]]) -> list[str]:
    mine = [groups[name] for name in port.groups if name in groups]
    rules = [rule for group in mine for rule in (group.ingress if way == "in" else group.egress)]
    lines = [line for rule in rules for line in _rule(rule, "saddr" if way == "in" else "daddr", members)]
    return [f"chain {_name(way, port)} {{", *dict.fromkeys(lines), "drop", "}"]


def _name(way: str, port: Port) -> str:
    return f"{way}_{port.address.replace('.', '_')}"


def _rule(rule: Rule, side: str, members: dict[str, list[str]]) -> list[str]:
    what = _what(rule)
    places = [f"ip {side} {network}" for network in rule.networks if network != "0.0.0.0/0"]
    places += [""] if "0.0.0.0/0" in rule.networks else []
    for group in rule.groups:
        if members.get(group):
            places.append(f"ip {side} {{ {', '.join(members[group])} }}")
    return [" ".join(word for word in (place, what, "return") if word) for place in places]


def _what(rule: Rule) -> str:
    protocol = _PROTOCOLS.get(rule.protocol, rule.protocol)
    if protocol in ("-1", "all", "None"):
        return ""
    if protocol in ("tcp", "udp"):
        ports = f"{rule.first}-{rule.last}" if rule.first != rule.last else str(rule.first)
        return f"{protocol} dport {ports}"
    if protocol == "icmp" and rule.first >= 0:
        return f"icmp type {rule.first}"
    return f"ip protocol {protocol}"


def _forward(ports: list[Port]) -> list[str]:
    lines = ["chain forward {", "type filter hook forward priority filter; policy drop;"]
    lines.append("ct state established,related accept")
    if ports:
        everyone = f"{{ {', '.join(port.address for port in ports)} }}"
        ways = {way: ", ".join(f"{port.address} : jump {_name(way, port)}" for port in ports) for way in ("in", "out")}
        lines += [
            f'iifname "wan" ct status dnat ip daddr vmap {{ {ways["in"]} }}',
            f'iifname "wan" ct status dnat ip daddr {everyone} accept',
            *_direct(ports),
            'iifname "wan" drop',
            f"ip saddr vmap {{ {ways['out']} }}",
            f"ip daddr vmap {{ {ways['in']} }}",
            f"ip daddr {everyone} accept",
        ]
    outside = [port.address for port in ports if port.outside]
    if outside:
        lines.append(f'oifname "wan" ip saddr {{ {", ".join(outside)} }} accept')
    return [*lines, "}"]


def _direct(ports: list[Port]) -> list[str]:
    """Let in what comes to interfaces that have a public address themselves."""
    known = [port for port in ports if port.direct]
    if not known:
        return []
    ways = ", ".join(f"{port.address} : jump {_name('in', port)}" for port in known)
    everyone = ", ".join(port.address for port in known)
    return [f'iifname "wan" ip daddr vmap {{ {ways} }}', f'iifname "wan" ip daddr {{ {everyone} }} accept']


def _nat(ports: list[Port]) -> list[str]:
    inward = ", ".join(f"{port.outside} : {port.address}" for port in ports if port.open)
    outward = ", ".join(f"{port.address} : {port.outside}" for port in ports if port.outside and not port.direct)
    lines = ["chain prerouting {", "type nat hook prerouting priority dstnat;"]
    if inward:
        lines.append(f'iifname "wan" dnat ip to ip daddr map {{ {inward} }}')
    lines += ["}", "chain postrouting {", "type nat hook postrouting priority srcnat;"]
    if outward:
        lines.append(f'oifname "wan" snat ip to ip saddr map {{ {outward} }}')
    return [*lines, "}"]

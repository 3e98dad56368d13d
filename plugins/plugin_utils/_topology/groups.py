# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute node templates become host groups (profile, section 1.2)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from .._parse.attributes import COMPUTE
from .._parse.model import Node
from .._parse.resolver import Resolver
from .._parse.units import parse_size
from .model import HostGroup, Network, Port
from .networks import (
    Interfaces,
    implied_networks,
    is_public_network,
    read_interfaces,
    read_networks,
    split_network_name,
)
from .ports import SSH, read_ports
from .storage import read_volumes

_ENDPOINT = "tosca.capabilities.Endpoint"
_DEFAULT_NAME = "vnode-#N#"
_DOMAIN = "localdomain"
# `num_cpus: {greater_or_equal: 2}`: the number is the least that is wanted.
_COMPARISONS = ("equal", "greater_or_equal", "greater_than", "less_or_equal", "less_than")
_DNS_NAME = re.compile(r"^(\*|[A-Za-z0-9_#-]{1,63})([.@][A-Za-z0-9_-]{1,63})*$")
_LABEL = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.#-]*[A-Za-z0-9#])?$")


def read_groups(resolver: Resolver, placements: dict[str, dict[str, str]]) -> tuple[list[HostGroup], list[Network]]:
    """Return the host groups in the order in which their hosts are numbered, and their networks.

    Public groups come first, and of those, workers last.
    """
    computes = [node for node in resolver.nodes.values() if resolver.library.derives("node_types", node.type, COMPUTE)]
    hosted = _hosted(resolver)
    declared, interfaces = read_networks(resolver), read_interfaces(resolver)
    implied: dict[str, str] = {}
    groups = []
    for node in computes:
        endpoints = [item for owner in (*hosted.get(node.name, []), node) for item in _endpoints(resolver, owner)]
        own = resolver.capability_of(node, "endpoint")
        ports = interfaces.get(node.name)
        place = _by_ports(resolver, ports) if ports else _by_endpoint(resolver, node, own, endpoints, implied)
        group = _group(resolver, node, endpoints, ports or Interfaces(), place)
        where = placements.get(node.name, {})
        cloud_id, zone = where.get("cloud_id", ""), where.get("availability_zone", "")
        groups.append(replace(group, cloud_id=cloud_id, availability_zone=zone))
    groups.sort(key=lambda group: (not group.public, group.public and "wn" in group.node))
    used = {name for group in groups for name in group.networks}
    networks = [*implied_networks(implied), *(network for name, network in declared.items() if name in used)]
    return groups, networks


def _by_ports(resolver: Resolver, interfaces: Interfaces) -> tuple[bool, tuple[str, ...]]:
    """As soon as one Port node binds a Compute, only those decide its interfaces (section 1.3)."""
    public = any(is_public_network(resolver, network) for network in interfaces.networks)
    return public, tuple(dict.fromkeys(network.name for network in interfaces.networks))


def _by_endpoint(
    resolver: Resolver,
    node: Node,
    own: dict[str, Any],
    endpoints: list[tuple[Node, str, dict[str, Any]]],
    implied: dict[str, str],
) -> tuple[bool, tuple[str, ...]]:
    """Return public or not and the networks of a Compute without Port nodes; `implied` collects their ids."""
    names = [split_network_name(_text(item.get("network_name"))) for _owner, _name, item in endpoints]
    public = bool(resolver.property_of(node, "public_ip")) or any(name[0] for name in names)
    private_id = next((name[1] for name in reversed(names) if name[1]), "")
    public_id = next((name[2] for name in reversed(names) if name[2]), "")
    if public and own.get("private_ip") is False:
        implied["public"] = implied.get("public") or public_id or private_id
        return True, ("public",)
    # The id of `<id>.PUBLIC` is that of the private network when there is one; `<id>,<pool>` names a public one too.
    pool = next((name[2] for name in reversed(names) if name[1] and name[2]), "")
    implied["private"] = implied.get("private") or private_id or ("" if pool else public_id)
    if not pool:
        return public, ("private",)
    implied["public"] = implied.get("public") or pool
    return public, ("private", "public")


def _listed(value: Any) -> list[Any]:
    """Return a list; one value stands for a list of it."""
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def _hosted(resolver: Resolver) -> dict[str, list[Node]]:
    """Return the software nodes of every Compute."""
    result: dict[str, list[Node]] = {}
    for node in resolver.nodes.values():
        host = resolver.host_of(node)
        if host is not None and host is not node:
            result.setdefault(host.name, []).append(node)
    return result


def _group(
    resolver: Resolver,
    node: Node,
    endpoints: list[tuple[Node, str, dict[str, Any]]],
    interfaces: Interfaces,
    place: tuple[bool, tuple[str, ...]],
) -> HostGroup:
    host, system = resolver.capability_of(node, "host"), resolver.capability_of(node, "os")
    own = resolver.capability_of(node, "endpoint")
    public, networks = place
    hostname, domain = _names(resolver, node, interfaces.dns_name or _text(own.get("dns_name")))
    names = [*_listed(own.get("additional_dns_names")), *interfaces.dns_names]
    additional = [_text(own.get("additional_ip")), *interfaces.additional_ips]
    return HostGroup(
        node=node.name,
        instance_name=_text(resolver.property_of(node, "instance_name")) or node.name,
        count=_count(resolver, node),
        remove=tuple(int(item) for item in _listed(resolver.capability_of(node, "scalable").get("removal_list"))),
        hostname=hostname,
        domain=domain,
        public=public,
        cpus=_number(_bound(host.get("num_cpus"))),
        memory=_size(resolver, node, "host", "mem_size", host),
        disk=_size(resolver, node, "host", "disk_size", host),
        instance_type=_text(host.get("instance_type")),
        image=_text(system.get("image")),
        distribution=_text(_bound(system.get("distribution"))).lower(),
        version=_text(_bound(system.get("version"))),
        architecture=_text(_bound(system.get("architecture"))),
        networks=networks,
        ports=_ports(resolver, endpoints, public),
        volumes=tuple(read_volumes(resolver, node)),
        dns_names=_dns_names(resolver, node, names),
        tags=_tags(resolver, node),
        num_gpus=int(_number(_bound(host.get("num_gpus")))),
        gpu_vendor=_text(host.get("gpu_vendor")),
        gpu_model=_text(host.get("gpu_model")),
        preemptible=bool(host.get("preemtible_instance")),
        disk_type=_text(host.get("disk_type")),
        addresses=interfaces.addresses,
        additional_ips=tuple(item for item in additional if item),
    )


def _endpoints(resolver: Resolver, node: Node) -> list[tuple[Node, str, dict[str, Any]]]:
    return [
        (node, name, resolver.capability_of(node, name))
        for name, kind in node.capability_types.items()
        if resolver.library.derives("capability_types", kind, _ENDPOINT)
    ]


def _ports(resolver: Resolver, endpoints: list[tuple[Node, str, dict[str, Any]]], public: bool) -> tuple[Port, ...]:
    found: list[Port] = [SSH] if public else []
    for node, name, endpoint in endpoints:
        path = (*node.path, "capabilities", name, "properties")
        found.extend(read_ports(endpoint, resolver.document, path, resolver.problems))
    return tuple(dict.fromkeys(found))


def _count(resolver: Resolver, node: Node) -> int:
    scalable = resolver.capability_of(node, "scalable")
    chosen = next(
        (scalable[key] for key in ("count", "default_instances", "min_instances") if scalable.get(key) is not None), 1
    )
    if isinstance(chosen, str) and chosen.isdigit():
        chosen = int(chosen)
    if isinstance(chosen, str):
        return 0  # noted when the properties were checked
    if isinstance(chosen, bool) or not isinstance(chosen, int) or chosen < 0:
        position = resolver.document.at(*node.path, "capabilities", "scalable", "properties", "count")
        message = f"The number of hosts of '{node.name}' is '{chosen}', not a whole number from 0 up."
        resolver.problems.add("bad-type", message, position)
        return 0
    return chosen


def _names(resolver: Resolver, node: Node, dns_name: str) -> tuple[str, str]:
    """Return host name and domain: `dns_name` of the endpoint, else the name that carries the host's number."""
    name = dns_name or _DEFAULT_NAME
    if not _LABEL.match(name) or len(name) > 200:
        position = resolver.document.at(*node.path, "capabilities", "endpoint", "properties", "dns_name")
        resolver.problems.add("bad-name", f"'{name}' is not a host name.", position, "Use letters, digits and '-'.")
        return _DEFAULT_NAME, _DOMAIN
    label, _dot, domain = name.partition(".")
    return label.lower().replace("#n#", "#N#"), domain.lower() or _DOMAIN


def _dns_names(resolver: Resolver, node: Node, wanted: list[Any]) -> tuple[str, ...]:
    """Public names; `host@deeper.zone` says where the zone begins, `*` stands for all names of a zone."""
    names = [str(name) for name in wanted if name and not str(name).endswith("localdomain")]
    for name in names:
        if not _DNS_NAME.match(name):
            position = resolver.document.at(
                *node.path, "capabilities", "endpoint", "properties", "additional_dns_names"
            )
            hint = "Write for example www.example.org, or *@apps.example.org."
            resolver.problems.add("bad-name", f"'{name}' is not a DNS name.", position, hint)
    return tuple(names)


def _size(resolver: Resolver, node: Node, capability: str, name: str, values: dict[str, Any]) -> int:
    raw = _bound(values.get(name))
    if raw in (None, "", 0):
        return 0
    if name == "mem_size" and isinstance(raw, int) and not isinstance(raw, bool):
        return raw * 2**20  # templates of the catalogue give plain numbers of MiB (section 4)
    try:
        return parse_size(raw)
    except ValueError as error:
        position = resolver.document.at(*node.path, "capabilities", capability, "properties", name)
        hint = "Write for example '4 GiB'."
        resolver.problems.add("bad-size", f"'{name}' of node '{node.name}': {error}.", position, hint)
        return 0


def _tags(resolver: Resolver, node: Node) -> dict[str, str]:
    found = resolver.property_of(node, "tags")
    return {str(key): _text(value) for key, value in found.items()} if isinstance(found, dict) else {}


def _bound(value: Any) -> Any:
    if isinstance(value, dict):
        return next((value[key] for key in _COMPARISONS if key in value), None)
    return value


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return 0.0  # an ill-typed number has been noted when the properties were checked


def _text(value: Any) -> str:
    return "" if value is None else str(value)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute node templates become host groups (profile, section 1.2)."""

from __future__ import annotations

import re
from typing import Any

from .._parse.attributes import COMPUTE
from .._parse.functions import Resolver
from .._parse.nodes import Node
from .._parse.units import parse_size
from .model import HostGroup, Port
from .ports import SSH, read_ports
from .storage import read_volumes

_ENDPOINT = "tosca.capabilities.Endpoint"
_DEFAULT_NAME = "vnode-#N#"
_DOMAIN = "localdomain"
# `num_cpus: {greater_or_equal: 2}`: the number is the least that is wanted.
_COMPARISONS = ("equal", "greater_or_equal", "greater_than", "less_or_equal", "less_than")
_DNS_NAME = re.compile(r"^(\*|[A-Za-z0-9_#-]{1,63})([.@][A-Za-z0-9_-]{1,63})*$")
_LABEL = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9.#-]*[A-Za-z0-9#])?$")


def read_groups(resolver: Resolver) -> list[HostGroup]:
    """Return the host groups in the order in which their hosts are numbered.

    Public ones first, and of those, workers last.
    """
    computes = [node for node in resolver.nodes.values() if resolver.library.derives("node_types", node.type, COMPUTE)]
    hosted = _hosted(resolver)
    groups = [_group(resolver, node, hosted.get(node.name, [])) for node in computes]
    return sorted(groups, key=lambda group: (not group.public, group.public and "wn" in group.node))


def _hosted(resolver: Resolver) -> dict[str, list[Node]]:
    """Return the software nodes of every Compute."""
    result: dict[str, list[Node]] = {}
    for node in resolver.nodes.values():
        host = resolver.host_of(node)
        if host is not None and host is not node:
            result.setdefault(host.name, []).append(node)
    return result


def _group(resolver: Resolver, node: Node, software: list[Node]) -> HostGroup:
    host, system = resolver.capability_of(node, "host"), resolver.capability_of(node, "os")
    endpoints = [found for item in (*software, node) for found in _endpoints(resolver, item)]
    own = resolver.capability_of(node, "endpoint")
    public = bool(resolver.property_of(node, "public_ip")) or any(_is_public(item) for _owner, _name, item in endpoints)
    hostname, domain = _names(resolver, node, own)
    return HostGroup(
        node=node.name,
        instance_name=_text(resolver.property_of(node, "instance_name")) or node.name,
        count=_count(resolver, node),
        remove=tuple(int(item) for item in resolver.capability_of(node, "scalable").get("removal_list") or []),
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
        networks=("public",) if public and own.get("private_ip") is False else ("private",),
        ports=_ports(resolver, endpoints, public),
        volumes=tuple(read_volumes(resolver, node)),
        dns_names=_dns_names(resolver, node, own),
        tags=_tags(resolver, node),
        num_gpus=int(_number(_bound(host.get("num_gpus")))),
        gpu_vendor=_text(host.get("gpu_vendor")),
        gpu_model=_text(host.get("gpu_model")),
        preemptible=bool(host.get("preemtible_instance")),
    )


def _endpoints(resolver: Resolver, node: Node) -> list[tuple[Node, str, dict[str, Any]]]:
    return [
        (node, name, resolver.capability_of(node, name))
        for name, kind in node.capability_types.items()
        if resolver.library.derives("capability_types", kind, _ENDPOINT)
    ]


def _is_public(endpoint: dict[str, Any]) -> bool:
    """`PUBLIC`, `<id>.PUBLIC` and `<private id>,<pool>` mean a public address."""
    name = _text(endpoint.get("network_name"))
    return name == "PUBLIC" or name.endswith(".PUBLIC") or "," in name


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
    if isinstance(chosen, bool) or not isinstance(chosen, int) or chosen < 0:
        position = resolver.document.at(*node.path, "capabilities", "scalable", "properties", "count")
        message = f"The number of hosts of '{node.name}' is '{chosen}', not a whole number from 0 up."
        resolver.problems.add("bad-type", message, position)
        return 0
    return chosen


def _names(resolver: Resolver, node: Node, endpoint: dict[str, Any]) -> tuple[str, str]:
    """Return host name and domain: `dns_name` of the endpoint, else the name that carries the host's number."""
    name = _text(endpoint.get("dns_name")) or _DEFAULT_NAME
    if not _LABEL.match(name) or len(name) > 200:
        position = resolver.document.at(*node.path, "capabilities", "endpoint", "properties", "dns_name")
        resolver.problems.add("bad-name", f"'{name}' is not a host name.", position, "Use letters, digits and '-'.")
        return _DEFAULT_NAME, _DOMAIN
    label, _dot, domain = name.partition(".")
    return label.lower().replace("#n#", "#N#"), domain.lower() or _DOMAIN


def _dns_names(resolver: Resolver, node: Node, endpoint: dict[str, Any]) -> tuple[str, ...]:
    """Public names; `host@deeper.zone` says where the zone begins, `*` stands for all names of a zone."""
    names = [str(name) for name in endpoint.get("additional_dns_names") or [] if name]
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

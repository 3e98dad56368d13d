# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `get_attribute` means for each attribute: an expression, since the value is known when hosts exist.

The table is section 1.8 of the profile, plus three attributes of our own on batch systems: `lrms_workers`,
`lrms_leaving` (on front ends) and `lrms_front_end` (on workers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .expressions import Address, Expression, HostValue, InventoryHost, Leaving, OwnVariable, Workers
from .model import Node

if TYPE_CHECKING:
    from .resolver import Resolver

COMPUTE = "tosca.nodes.Compute"
_KINDS = {"private_address": "private", "public_address": "public"}
_FRONT_END = "tosca.nodes.indigo.LRMS.FrontEnd"
_WORKER = "tosca.nodes.indigo.LRMS.WorkerNode"
_OF_HOSTS = {"ctxt_log", "ansible_output", "endpoint", "credential"}
PORT = "tosca.nodes.network.Port"


def attribute(resolver: Resolver, node: Node, host: Node | None, keys: list[Any], own: bool) -> Any | Expression | None:
    """Return what `get_attribute: [node, *keys]` stands for, None when the node has no such attribute.

    `own` is true when the call says SELF or HOST, so that the address of the very host may be meant.
    """
    name, *rest = keys
    if name == "tosca_name":
        return node.name
    if name == "ip_address" and resolver.library.derives("node_types", node.type, PORT):
        return _port_address(resolver, node)
    if host is not None and name == "tosca_id":
        return OwnVariable("IM_NODE_VMID", "" if own else host.name)
    if host is not None and "tls_certificates" in keys[:2] and keys[0] in (*node.capabilities, "tls_certificates"):
        rest = keys[keys.index("tls_certificates") + 1 :]
        return OwnVariable("IM_NODE_TLS_CERTIFICATES", "" if own else host.name, tuple(rest))
    if host is not None and name in _KINDS:
        return _address(resolver, node, host, _KINDS[name], rest, own)
    if host is not None and name == "lrms_workers":
        return Workers(worker_groups(resolver, node, host))
    if host is not None and name == "lrms_leaving":
        return Leaving(worker_groups(resolver, node, host))
    if host is not None and name == "lrms_front_end":
        return InventoryHost(front_end_group(resolver, node) or host.name)
    if host is not None and (name in _OF_HOSTS or name in node.capabilities):
        return HostValue(host.name, tuple(keys))
    declared = resolver.library.merged("node_types", node.type, "attributes").get(name)
    if isinstance(declared, dict) and "default" in declared:
        return declared["default"]
    return HostValue(node.name, tuple(keys)) if declared is not None else None


def _address(resolver: Resolver, node: Node, host: Node, kind: str, rest: list[Any], own: bool) -> Expression:
    if rest and isinstance(rest[0], int):
        return Address(host.name, kind, rest[0])
    if resolver.library.derives("node_types", node.type, COMPUTE):
        return Address(host.name, kind)
    return OwnVariable(f"IM_NODE_{kind.upper()}_IP") if own else Address(host.name, kind, 0)


def _port_address(resolver: Resolver, port: Node) -> Expression | None:
    """Return the address of the host that a port is bound to, in the network that it is linked to."""
    targets = {requirement.name: resolver.nodes[requirement.target] for requirement in port.requirements}
    host, network = targets.get("binding"), targets.get("link")
    if host is None:
        return None
    public = network is not None and str(resolver.property_of(network, "network_type")).lower() == "public"
    return Address(host.name, "public" if public else "private", 0)


def worker_groups(resolver: Resolver, front_end: Node, host: Node) -> tuple[str, ...]:
    """Return the groups whose workers serve this front end.

    A worker names its front end by `front_end_ip`; where that is not an address expression, workers of the same batch
    system count.
    """
    family = _family(resolver, front_end, _FRONT_END)
    groups: list[str] = []
    for node in resolver.nodes.values():
        if not resolver.library.derives("node_types", node.type, _WORKER):
            continue
        group = resolver.host_of(node)
        if group is None or group.name in groups:
            continue
        front_group = front_end_group(resolver, node)
        if front_group == host.name or (front_group is None and _family(resolver, node, _WORKER) == family):
            groups.append(group.name)
    return tuple(groups)


def front_end_group(resolver: Resolver, worker: Node) -> str | None:
    """Return the group that a worker's `front_end_ip` points at, None when it is not an address expression."""
    found = resolver.property_of(worker, "front_end_ip")
    return found.group if isinstance(found, Address) else None


def _family(resolver: Resolver, node: Node, base: str) -> str:
    """ "...LRMS.WorkerNode.Slurm" and types derived from it give "Slurm"."""
    for name in resolver.library.chain("node_types", node.type):
        if name.startswith(base + "."):
            return name.removeprefix(base + ".")
    return ""

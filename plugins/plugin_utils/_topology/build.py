# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second stage as one call: a `Template` in, a `Topology` out."""

from __future__ import annotations

from dataclasses import replace

from .._parse.template import Template
from .groups import read_groups
from .model import HostGroup, Network, Topology
from .steps import read_steps, shared_folders

_NETWORK_NODES = ("tosca.nodes.network.Network", "tosca.nodes.network.Port")


def build_topology(template: Template) -> Topology:
    """Return what the template asks for.

    Raises `TemplateError` with every problem that was found, those that reading the template has noted included.
    """
    resolver = template.resolver
    _refuse_network_nodes(template)
    groups = read_groups(resolver)
    steps = read_steps(resolver, groups)
    resolver.problems.raise_if_any()
    groups = [replace(group, shares=shared_folders(steps, group.node)) for group in groups]
    return Topology(
        name=template.name,
        networks=_networks(groups),
        groups=tuple(groups),
        steps=tuple(steps),
        outputs=template.outputs,
        notices=tuple(_notices(template)),
    )


def _networks(groups: list[HostGroup]) -> tuple[Network, ...]:
    used = {name for group in groups for name in group.networks}
    return tuple(Network(name, public=name == "public") for name in ("private", "public") if name in used)


def _refuse_network_nodes(template: Template) -> None:
    for node in template.nodes.values():
        if any(template.library.derives("node_types", node.type, kind) for kind in _NETWORK_NODES):
            message = f"Node '{node.name}': networks and ports as nodes of their own are not deployed yet."
            hint = "Use the endpoint capability of the Compute nodes (network_name, ports)."
            template.resolver.problems.add("tosca", message, template.document.at_key(*node.path), hint)


def _notices(template: Template) -> list[str]:
    """What a user should know although it is no problem: software that sits on no host."""
    resolver = template.resolver
    return [
        f"Node '{node.name}' is on no host, so its operations are not run."
        for node in template.nodes.values()
        if node.operations and resolver.host_of(node) is None
    ]

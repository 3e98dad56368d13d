# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second stage as one call: a `Template` in, a `Topology` out."""

from __future__ import annotations

from dataclasses import replace

from .._parse.resolver import Resolver
from .._parse.template import Template, check_remaining
from .galaxy import galaxy_contents
from .graph import node_levels
from .groups import read_groups
from .model import Step, Topology
from .placement import read_placements
from .steps import read_steps, shared_folders
from .workloads import APPLICATION, FUNCTION, PLAIN_FUNCTION, read_functions, read_workloads

_ANSIBLE_HOST = "tosca.nodes.im.AnsibleHost"


def build_topology(template: Template) -> Topology:
    """Return what the template asks for.

    Raises `TemplateError` with every problem that was found, those that reading the template has noted included.
    """
    resolver = template.resolver
    levels, placements = node_levels(resolver), read_placements(resolver)
    groups, networks = read_groups(resolver, placements)
    steps = read_steps(resolver, groups, levels)
    workloads = read_workloads(resolver, levels, placements)
    functions = read_functions(resolver, levels, placements)
    foreign = {step.node for step in steps if step.recipe is not None}
    galaxy = galaxy_contents(resolver, [resolver.nodes[name] for name in foreign])
    check_remaining(template)
    shares = shared_folders(steps)
    return Topology(
        name=template.name,
        networks=tuple(networks),
        groups=tuple(replace(group, shares=shares.get(group.node, ())) for group in groups),
        steps=tuple(steps),
        outputs=template.outputs,
        notices=tuple(_notices(resolver, steps)),
        workloads=workloads,
        functions=functions,
        galaxy=galaxy,
    )


def _notices(resolver: Resolver, steps: list[Step]) -> list[str]:
    """What a user should know although it is no problem."""
    run = {step.node for step in steps}
    result = list(resolver.notices)
    for node in resolver.nodes.values():
        known = (APPLICATION, FUNCTION, PLAIN_FUNCTION)
        kinds = [kind for kind in known if resolver.library.derives("node_types", node.type, kind)]
        if resolver.library.derives("node_types", node.type, _ANSIBLE_HOST):
            result.append(f"Node '{node.name}' is not used: Ansible runs where the template is deployed from.")
        elif FUNCTION in kinds and resolver.host_of(node) is not None:
            result.append(f"Function '{node.name}' is not made: this version makes no functions on clusters yet.")
        elif node.operations and not kinds and node.name not in run and resolver.host_of(node) is None:
            result.append(f"Node '{node.name}' is on no host, so its operations are not run.")
    return result

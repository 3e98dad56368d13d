# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of things: dependency levels of nodes (profile, section 1.5)."""

from __future__ import annotations

from .._parse.resolver import Resolver

_ORDERING = (
    "tosca.relationships.HostedOn",
    "tosca.relationships.DependsOn",
    "tosca.relationships.ConnectsTo",
)


def node_levels(resolver: Resolver) -> dict[str, int]:
    """Return the level of every node: 1 without requirements, else 1 + the highest level it depends on.

    A circle is noted as a problem of one of its nodes; its nodes then get some level.
    """
    levels: dict[str, int] = {}
    for name in resolver.nodes:
        if name not in levels:
            _level(name, resolver, levels)
    return levels


def _level(name: str, resolver: Resolver, levels: dict[str, int]) -> None:
    """Depth-first with an explicit stack, since a chain of nodes may be longer than Python's recursion limit."""
    stack = [(name, iter(_targets(name, resolver)))]
    open_nodes = {name: 1}
    while stack:
        current, targets = stack[-1]
        target = next(targets, None)
        if target is None:
            levels[current] = open_nodes.pop(current)
            stack.pop()
            if stack:
                parent = stack[-1][0]
                open_nodes[parent] = max(open_nodes[parent], levels[current] + 1)
        elif target in levels:
            open_nodes[current] = max(open_nodes[current], levels[target] + 1)
        elif target in open_nodes:
            _note_circle(current, target, resolver)
        else:
            open_nodes[target] = 1
            stack.append((target, iter(_targets(target, resolver))))


def _targets(name: str, resolver: Resolver) -> list[str]:
    """Relations that do not order anything (volumes, ports) count as level 0, so they are left out."""
    node = resolver.nodes[name]
    return [
        requirement.target
        for requirement in node.requirements
        if any(resolver.library.derives("relationship_types", requirement.relationship, kind) for kind in _ORDERING)
    ]


def _note_circle(current: str, target: str, resolver: Resolver) -> None:
    node = resolver.nodes[current]
    position = resolver.document.at_key(*node.path, "requirements")
    message = f"Nodes '{current}' and '{target}' require each other in a circle."
    resolver.problems.add("tosca", message, position, "Remove one of the requirements.")

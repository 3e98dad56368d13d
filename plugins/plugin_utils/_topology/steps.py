# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations of software nodes become steps: a role, on the group of the node, in the level of the node."""

from __future__ import annotations

import re
from typing import Any

from .._parse.expressions import HostValue
from .._parse.functions import Resolver
from .._parse.library import Operation
from .._parse.loader import Path
from .._parse.nodes import Node
from .graph import node_levels
from .model import HostGroup, Step

# Profile, section 1.6: the order of the operations of a node; `stop` and `delete` are never run.
OPERATIONS = (
    "create",
    "pre_configure_source",
    "pre_configure_target",
    "configure",
    "post_configure_source",
    "post_configure_target",
    "start",
)
# Runs on a node before hosts that it uses are removed (a queue drains its workers).
LEAVE = "remove_target"
SHARED_FOLDER = "continuum.im.shared_folder"
_ROLE = re.compile(r"^([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)(?:/([a-z][a-z0-9_]*))?$")
# Recipes of the existing catalogue that do nothing: templates name them to have a host configured at all.
_EMPTY_RECIPES = {"dummy.yml"}


def read_steps(resolver: Resolver, groups: list[HostGroup]) -> list[Step]:
    """Return all steps.

    By level, then by the order of the groups, then by the order of the template and of the operations.
    """
    order = {group.node: index for index, group in enumerate(groups)}
    levels = node_levels(resolver)
    steps: list[Step] = []
    for node in resolver.nodes.values():
        host = resolver.host_of(node)
        if host is not None and host.name in order:
            steps.extend(_node_steps(resolver, node, host.name, levels[node.name]))
    return sorted(steps, key=lambda step: (step.level, order[step.group]))


def shared_folders(steps: list[Step], group: str) -> tuple[str, ...]:
    """Return the folders that the hosts of a group share, as asked by steps of the role `shared_folder`."""
    found = [
        step.inputs.get("shared_folder_path")
        for step in steps
        if step.group == group and step.role == SHARED_FOLDER and step.inputs.get("shared_folder_enabled") is not False
    ]
    return tuple(dict.fromkeys(str(path) for path in found if path))


def _node_steps(resolver: Resolver, node: Node, group: str, level: int) -> list[Step]:
    steps: list[Step] = []
    for name in (*OPERATIONS, LEAVE):
        operation = node.operations.get(name)
        if operation is None:
            continue
        path = _operation_path(node, name)
        role = _implementation(resolver, node, operation, path)
        if role is not None:
            inputs = _inputs(resolver, node, operation, path)
            phase = "leave" if name == LEAVE else "configure"
            unique = node.name if name == "configure" else f"{node.name}_{name}"
            steps.append(Step(unique, node.name, group, role[0], level, role[1], phase, inputs))
    return steps


def _implementation(resolver: Resolver, node: Node, operation: Operation, path: Path) -> tuple[str, str] | None:
    """Return role and entry point; None when there is nothing to run or when a problem was noted."""
    found = operation.implementation
    if isinstance(found, dict):
        found = found.get("primary") or found.get("file")
    match = _ROLE.match(found) if isinstance(found, str) else None
    if match:
        return match.group(1), match.group(2) or "main"
    if isinstance(found, str) and found.rsplit("/", 1)[-1] in _EMPTY_RECIPES:
        return None
    message = f"Operation '{operation.name}' of node '{node.name}' ({node.type}) has no role: '{found}'."
    hint = "Name a role such as continuum.im.slurm_worker, or use a type whose software this collection installs."
    resolver.problems.add("recipe", message, resolver.document.at(*path), hint)
    return None


def _inputs(resolver: Resolver, node: Node, operation: Operation, path: Path) -> dict[str, Any]:
    """Return the evaluated inputs; those without a value are left to the role's default."""
    result: dict[str, Any] = {}
    for name, raw in operation.inputs.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(name)) or str(name).startswith(("ansible_", "im_")):
            hint = "Use letters, digits and '_'; 'ansible_...' and 'im_...' are taken."
            message = f"'{name}' cannot be the name of an operation's input."
            resolver.problems.add("bad-name", message, resolver.document.at(*path, "inputs", name), hint)
            continue
        value = resolver.value(raw, node.name, (*path, "inputs", name))
        if isinstance(value, HostValue):
            message = f"Input '{name}' of '{node.name}' needs '{value.path[0]}', which is only known in outputs."
            resolver.problems.add("function", message, resolver.document.at(*path, "inputs", name))
        elif value is not None:
            result[str(name)] = value
    return result


def _operation_path(node: Node, name: str) -> Path:
    """Where the operation stands in the template (the node itself when the type declares it)."""
    for interface, body in (node.template.get("interfaces") or {}).items():
        if isinstance(body, dict) and name in body:
            return (*node.path, "interfaces", interface, name)
    return node.path

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations of software nodes become steps: a role or a recipe, on the group of the node, in the level of the node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .._parse.expressions import EXPRESSIONS, Artifact, HostValue
from .._parse.functions import Me
from .._parse.library import Operation
from .._parse.loader import Path
from .._parse.model import Node
from .._parse.resolver import Resolver
from .galaxy import artifacts_of
from .model import HostGroup, Step
from .recipes import Implementation, read_implementation, reference_of

# Profile, section 1.6: the order of the operations of a node; `stop` and `delete` are never run.
OPERATIONS = (
    "create",
    "pre_configure_source",
    "pre_configure_target",
    "configure_rel",
    "configure",
    "post_configure_source",
    "post_configure_target",
    "start",
    "add_target",
    "add_source",
    "target_changed",
)
# Runs on a node before hosts that it uses are removed (a queue drains its workers).
LEAVE = "remove_target"
_OF_SOURCE = {"pre_configure_source", "post_configure_source", "configure_rel", "add_source"}
_OF_TARGET = {"pre_configure_target", "post_configure_target", "add_target", "target_changed", LEAVE}
SHARED_FOLDER = "continuum.im.shared_folder"


# Variables that decide how Ansible reaches a host or runs, and its own ones: an input must not set them.
_TAKEN = re.compile(
    r"im_.*|IM_.*|ansible_(host|port|user|password|connection|become.*|ssh_.*|scp_.*|sftp_.*|.*_interpreter|shell_.*"
    r"|facts|play.*|check_mode|diff_mode|local.*|remote_.*|control_path.*|pipelining|winrm_.*|psrp_.*|paramiko_.*"
    r"|podman_.*|docker_.*|timeout|delegated_vars|inventory_.*|version|run_tags|skip_tags|search_path|role_.*"
    r"|parent_role.*|dependent_role.*|collection_name|config_file|forks|limit|loop.*|index_var|verbosity|async_.*)"
    r"|hostvars|groups|group_names|inventory_.*|play_hosts|playbook_dir|role_.*|omit|vars|environment|item|lookup"
    r"|query|q|undef|now|range|self|namespace|dict|lipsum|cycler|joiner"
)


def is_input_name(name: str) -> bool:
    """True for a name that an operation's input may have: a variable that means nothing to Ansible itself."""
    return bool(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)) and not _TAKEN.fullmatch(name)


@dataclass(frozen=True)
class _Todo:
    """One operation that is to run for `node`; SELF in its inputs means `me`."""

    node: Node
    operation: Operation
    me: Me
    path: Path
    unique: str


def read_steps(resolver: Resolver, groups: list[HostGroup], levels: dict[str, int]) -> list[Step]:
    """Return all steps; `levels` are those of the nodes.

    By level, then by the order of the groups, then by the order of the template and of the operations.
    """
    order = {group.node: index for index, group in enumerate(groups)}
    incoming = _incoming(resolver)
    steps: list[Step] = []
    for node in resolver.nodes.values():
        host = resolver.host_of(node)
        if host is not None and host.name in order:
            for todo in _todos(node, incoming.get(node.name, [])):
                step = _step(resolver, todo, host.name, levels[node.name])
                if step is not None:
                    steps.append(step)
    return sorted(steps, key=lambda step: (step.level, order[step.group]))


def shared_folders(steps: list[Step]) -> dict[str, tuple[str, ...]]:
    """Return the folders that the hosts of each group share, as asked by steps of the role `shared_folder`."""
    found: dict[str, dict[str, None]] = {}
    for step in steps:
        path = step.inputs.get("shared_folder_path")
        if step.role == SHARED_FOLDER and path and step.inputs.get("shared_folder_enabled") is not False:
            found.setdefault(step.group, {})[str(path)] = None
    return {group: tuple(paths) for group, paths in found.items()}


def _incoming(resolver: Resolver) -> dict[str, list[_Todo]]:
    """Return the operations of relationships by the node for which they run; all of them, however alike."""
    found: dict[str, list[_Todo]] = {}
    for node in resolver.nodes.values():
        for number, requirement in enumerate(node.requirements):
            for name, operation in requirement.operations.items():
                if name in _OF_SOURCE or name in _OF_TARGET:
                    place = resolver.nodes[requirement.target if name in _OF_TARGET else node.name]
                    path = (*requirement.path, "relationship", "interfaces")
                    unique = f"{place.name}_{name}_{node.name}_{number}"
                    found.setdefault(place.name, []).append(_Todo(place, operation, requirement, path, unique))
    return found


def _todos(node: Node, incoming: list[_Todo]) -> Iterator[_Todo]:
    """Yield everything that runs for a node in the order of `OPERATIONS`; the node's own before its relationships'."""
    for name in (*OPERATIONS, LEAVE):
        operation = node.operations.get(name)
        if operation is not None:
            unique = node.name if name == "configure" else f"{node.name}_{name}"
            yield _Todo(node, operation, node.name, _operation_path(node, name), unique)
        yield from (todo for todo in incoming if todo.operation.name == name)


def _step(resolver: Resolver, todo: _Todo, group: str, level: int) -> Step | None:
    artifacts = artifacts_of(resolver, todo.node)
    found = read_implementation(resolver, todo.node, artifacts, todo.operation, todo.path)
    if found is None:
        return None
    if todo.operation.name == LEAVE and found.recipe is not None:
        resolver.notices.append(
            f"Operation '{LEAVE}' of node '{todo.node.name}' is not run: only roles are, when hosts go."
        )
        return None
    inputs, files = _inputs(resolver, todo)
    phase = "leave" if todo.operation.name == LEAVE else "configure"
    return Step(
        name=todo.unique,
        node=todo.node.name,
        group=group,
        role=found.role,
        level=level,
        entry=found.entry,
        phase=phase,
        inputs=inputs,
        recipe=found.recipe,
        files=_all_files(found, files),
    )


def _all_files(found: Implementation, files: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*found.files, *files]))


def _inputs(resolver: Resolver, todo: _Todo) -> tuple[dict[str, Any], list[str]]:
    """Return the evaluated inputs, and the files that `get_artifact` names; those without a value are left out."""
    result: dict[str, Any] = {}
    files: list[str] = []
    for name, raw in todo.operation.inputs.items():
        path = (*todo.path, "inputs", name)
        if not is_input_name(str(name)):
            hint = "Use letters, digits and '_'; names that Ansible itself looks at, and 'im_...', are taken."
            message = f"'{name}' cannot be the name of an operation's input."
            resolver.problems.add("bad-name", message, resolver.document.at_key(*path), hint)
            continue
        value = resolver.value(_schema_value(raw), todo.me, path)
        if isinstance(value, Artifact):
            reference = reference_of(resolver, resolver.nodes[value.node].artifacts[value.name])
            files.append(reference)
            value = "/tmp/" + reference.partition("?")[0].rpartition("/")[2]  # noqa: S108 (on the host: section 1.6)
        elif _needs_outputs(value):
            message = f"Input '{name}' of '{todo.node.name}' needs something that is only known in outputs."
            resolver.problems.add("function", message, resolver.document.at(*path))
        if value is not None:
            result[str(name)] = value
    return result, files


def _schema_value(raw: Any) -> Any:
    """An input may be declared like a property (`{type, default}`), then the default is its value."""
    if isinstance(raw, dict) and "type" in raw and set(raw) <= {"type", "default", "description", "required"}:
        return raw.get("default")
    return raw


def _needs_outputs(value: Any) -> bool:
    if isinstance(value, (HostValue, Artifact)):
        return True
    if isinstance(value, dict):
        return any(_needs_outputs(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_needs_outputs(item) for item in value)
    if isinstance(value, EXPRESSIONS):
        return any(_needs_outputs(getattr(value, name)) for name in value.__dataclass_fields__)
    return False


def _operation_path(node: Node, name: str) -> Path:
    """Where the operation stands in the template (the node itself when the type declares it)."""
    for interface, body in (node.template.get("interfaces") or {}).items():
        if isinstance(body, dict) and name in body:
            return (*node.path, "interfaces", interface, name)
    return node.path

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions as values, once the hosts are there: for outputs, and to see what a change touches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._parse.expressions import (
    EXPRESSIONS,
    Address,
    Artifact,
    HostValue,
    InventoryHost,
    Joined,
    Leaving,
    OwnVariable,
    SecretVariable,
    Token,
    Workers,
)

Instance = dict[str, Any]
_GIB_MIB = 2**20


@dataclass(frozen=True)
class Scene:
    """The hosts of an infrastructure (as clouds report them), those about to go, and the one that is looked from.

    `credential` says how to log in to a host; it is asked in outputs only. `secrets` are the secret inputs by their
    environment variables, `ansible_output` is what tasks printed, `functions` are functions without hosts by node.
    """

    instances: list[Instance]
    surplus: list[Instance] = field(default_factory=list)
    me: Instance | None = None
    credential: Callable[[Instance], Any] = lambda _instance: None
    secrets: Mapping[str, str] = field(default_factory=dict)
    ansible_output: Mapping[str, Any] = field(default_factory=dict)
    by_group: dict[str, list[Instance]] = field(default_factory=dict, repr=False)
    functions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def members(self, group: str) -> list[Instance]:
        """Return the hosts of a group by number."""
        if not self.by_group and self.instances:
            for item in sorted(self.instances, key=lambda entry: int(entry["id"])):
                self.by_group.setdefault(item["node"], []).append(item)
        return self.by_group.get(group, [])


def evaluate(value: Any, scene: Scene) -> Any:
    """Return `value` with every expression replaced by what it stands for; None while that is unknown."""
    if isinstance(value, EXPRESSIONS):
        return _EVALUATORS[type(value)](value, scene)
    if isinstance(value, dict):
        return {key: evaluate(item, scene) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, scene) for item in value]
    return value


def describe_node(instance: Instance) -> dict[str, Any]:
    """Return the host variable `im_node` of an instance."""
    return {
        "name": instance["hostname"],
        "address": instance["private_ip"] or instance["public_ip"],
        "group": instance["node"],
        "cpus": max(1, int(float(instance.get("cpus") or 1))),
        "memory_mib": int(instance.get("memory") or 0) // _GIB_MIB,
    }


def private_address(instance: Instance) -> Any:
    """Return the private address of a host, the public one if it has no other."""
    return instance.get("private_ip") or instance.get("public_ip")


def _address(value: Address, scene: Scene) -> Any:
    members = scene.members(value.group)
    found = [private_address(item) if value.kind == "private" else item.get("public_ip") for item in members]
    return found if value.index is None else _pick(found, value.index)


def _pick(found: list[Any], index: int) -> Any:
    """An index beyond the list means the last one (profile, section 7: a template of the catalogue relies on it)."""
    return found[min(index, len(found) - 1)] if found else None


def _own(value: OwnVariable, scene: Scene) -> Any:
    me = next(iter(scene.members(value.group)), None) if value.group else scene.me
    if me is None:
        return None
    known = {
        "IM_NODE_PRIVATE_IP": private_address(me),
        "IM_NODE_PUBLIC_IP": me.get("public_ip"),
        "IM_NODE_VMID": me.get("cloud_id"),
    }
    return known.get(value.name)


def _secret(value: SecretVariable, scene: Scene) -> Any:
    return scene.secrets.get(value.name)


def _workers(value: Workers, scene: Scene) -> Any:
    return [describe_node(item) for group in value.groups for item in scene.members(group)]


def _leaving(value: Leaving, scene: Scene) -> Any:
    return [item["hostname"] for item in scene.surplus if item["node"] in value.groups]


def _host(value: InventoryHost, scene: Scene) -> Any:
    return _pick([item["name"] for item in scene.members(value.group)], value.index)


# Attributes of functions that have another name in the facts of the cloud.
_OF_FUNCTIONS = {"endpoint": "url", "function_name": "name"}


def _host_value(value: HostValue, scene: Scene) -> Any:
    if value.group in scene.functions:
        name = str(value.path[0])
        return scene.functions[value.group].get(_OF_FUNCTIONS.get(name, name))
    members = scene.members(value.group)
    names = [str(key) for key in value.path if not isinstance(key, int)]
    if names[0] == "ansible_output":
        return _printed(value.path[1:], scene)
    index = next((key for key in value.path if isinstance(key, int)), None)
    found: list[Any]
    if names[-1] == "credential":
        found = [scene.credential(item) for item in members]
    elif names == ["tosca_id"]:
        found = [item["cloud_id"] for item in members]
    else:
        return None
    return found if index is None else _pick(found, index)


def _printed(path: tuple[str | int, ...], scene: Scene) -> Any:
    """`ansible_output` (profile, section 1.9): play, `tasks`, name of the task, `output`."""
    keys = [key for key in path if not isinstance(key, int)]
    found: Any = scene.ansible_output
    for key in keys:
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def _joined(value: Joined, scene: Scene) -> Any:
    parts = [evaluate(part, scene) for part in value.parts]
    return None if any(part is None for part in parts) else "".join(str(part) for part in parts)


def _token(value: Token, scene: Scene) -> Any:
    parts = str(evaluate(value.text, scene) or "").split(value.separator)
    return parts[value.index] if value.index < len(parts) else None


_EVALUATORS: dict[type[Any], Callable[[Any, Scene], Any]] = {
    Address: _address,
    OwnVariable: _own,
    Workers: _workers,
    Leaving: _leaving,
    InventoryHost: _host,
    HostValue: _host_value,
    Joined: _joined,
    Token: _token,
    SecretVariable: _secret,
    Artifact: lambda _value, _scene: None,
}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The type library: the normative TOSCA types plus ours, with inheritance resolved.

A `Library` is read once per process and directory, and is never changed afterwards, so threads may share it.
A template may declare types of its own: `Library.extended` returns a new library with them.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, replace
from typing import Any

import yaml

SECTIONS = (
    "node_types",
    "capability_types",
    "relationship_types",
    "data_types",
    "artifact_types",
    "interface_types",
    "policy_types",
    "group_types",
)
# TOSCA Simple Profile 1.3, section 5: a normative type may be named without this prefix ("Compute", "AttachesTo").
_PREFIXES = {
    "node_types": ("tosca.nodes.", "tosca.nodes.network."),
    "capability_types": ("tosca.capabilities.", "tosca.capabilities.network."),
    "relationship_types": ("tosca.relationships.", "tosca.relationships.network."),
    "data_types": ("tosca.datatypes.", "tosca.datatypes.network."),
    "artifact_types": ("tosca.artifacts.",),
    "interface_types": ("tosca.interfaces.", "tosca.interfaces.node.lifecycle.", "tosca.interfaces.relationship."),
    "policy_types": ("tosca.policies.",),
    "group_types": ("tosca.groups.",),
}
_INTERFACE_KEYWORDS = {"type", "inputs", "description", "derived_from", "operations"}


@dataclass(frozen=True)
class Operation:
    """An operation of an interface: what implements it and the inputs it gets (functions not yet evaluated)."""

    name: str
    implementation: Any
    inputs: dict[str, Any]


@dataclass(frozen=True)
class Library:
    """All types by section and full name."""

    types: dict[str, dict[str, dict[str, Any]]]
    prefixes: tuple[str, ...] = ()

    def with_prefix(self, prefix: str) -> Library:
        """Return this library for a template that names its types with a namespace prefix ("" for none)."""
        return replace(self, prefixes=(*self.prefixes, prefix)) if prefix else self

    def resolve(self, section: str, name: Any) -> str | None:
        """Return the full name of a type given by full or short name, or None when nobody declared it."""
        known = self.types[section]
        if not isinstance(name, str):
            return None
        full = name
        for prefix in self.prefixes:
            full = full.removeprefix(prefix + ".").removeprefix(prefix + ":")
        short = full.removeprefix("tosca:")
        for candidate in (full, *(prefix + short for prefix in _PREFIXES[section])):
            if candidate in known:
                return candidate
        return None

    def chain(self, section: str, name: str) -> list[str]:
        """Return the type and its ancestors, the most derived first."""
        result: list[str] = []
        current: str | None = self.resolve(section, name)
        while current and current not in result:
            result.append(current)
            current = self.resolve(section, self.types[section][current].get("derived_from"))
        return result

    def derives(self, section: str, name: Any, ancestor: str) -> bool:
        """True when `name` is `ancestor` or is derived from it."""
        return isinstance(name, str) and ancestor in self.chain(section, name)

    def merged(self, section: str, name: str, key: str) -> dict[str, Any]:
        """Return a mapping section (properties, capabilities, ...) with inheritance, derived entries winning."""
        result: dict[str, Any] = {}
        for type_name in reversed(self.chain(section, name)):
            found = self.types[section][type_name].get(key)
            if isinstance(found, dict):
                result.update(found)
        return result

    def requirements(self, node_type: str) -> dict[str, dict[str, Any]]:
        """Return the requirement definitions of a node type by name."""
        result: dict[str, dict[str, Any]] = {}
        for type_name in reversed(self.chain("node_types", node_type)):
            for entry in self.types["node_types"][type_name].get("requirements") or []:
                for name, definition in entry.items():
                    result[name] = {"capability": definition} if isinstance(definition, str) else dict(definition)
        return result

    def operations(self, section: str, name: str) -> dict[str, Operation]:
        """Return the implemented operations of a node or relationship type by name, derived ones winning."""
        result: dict[str, Operation] = {}
        for type_name in reversed(self.chain(section, name)):
            result.update(read_operations(self.types[section][type_name].get("interfaces")))
        return result

    def extended(self, document: dict[str, Any]) -> Library:
        """Return this library plus the types that a template declares itself (theirs win)."""
        own = {section: document.get(section) for section in SECTIONS}
        if not any(isinstance(found, dict) and found for found in own.values()):
            return self
        return replace(self, types={name: {**self.types[name], **_types(own[name])} for name in SECTIONS})


def read_operations(interfaces: Any) -> dict[str, Operation]:
    """Read the `interfaces` section of a type or of a node template; operations without implementation are left out."""
    result: dict[str, Operation] = {}
    for interface in _mapping(interfaces).values():
        shared = _mapping(_mapping(interface).get("inputs"))
        operations = {**_mapping(interface), **_mapping(_mapping(interface).get("operations"))}
        for name, body in operations.items():
            if name in _INTERFACE_KEYWORDS:
                continue
            content = body if isinstance(body, dict) else {"implementation": body}
            if content.get("implementation"):
                inputs = {**shared, **_mapping(content.get("inputs"))}
                result[name] = Operation(name, content["implementation"], inputs)
    return result


@functools.cache
def load_library(directory: str) -> Library:
    """Read every type file of `directory` on top of the normative definitions that tosca-parser ships."""
    from toscaparser.elements.entity_type import EntityType  # a heavy import, only needed here

    types: dict[str, dict[str, dict[str, Any]]] = {}
    for section in SECTIONS:
        types[section] = dict(EntityType.TOSCA_DEF_LOAD_AS_IS.get(section) or {})
    for name in sorted(os.listdir(directory)):
        if name.endswith((".yaml", ".yml")):
            with open(os.path.join(directory, name), encoding="utf-8") as file:
                content = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (our file)
            for section in SECTIONS:
                types[section].update(_mapping(content.get(section)))
    return Library(types)


def _types(section: Any) -> dict[str, dict[str, Any]]:
    return {str(name): body for name, body in _mapping(section).items() if isinstance(body, dict)}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node templates as plain data: type resolved, defaults of the type filled in, requirements pointing at nodes."""

from __future__ import annotations

import re
from typing import Any

from .._errors import Problems, did_you_mean
from .library import Library, Operation, read_operations
from .loader import Document, Path
from .model import Node, Requirement
from .shapes import check_requirements, check_shapes

NODES = ("topology_template", "node_templates")
# A node template's name becomes an Ansible group and part of variable names.
_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_.-]{0,62}$")
_RESERVED = {"all", "ungrouped", "localhost", "SELF", "HOST", "SOURCE", "TARGET"}
# TOSCA Simple Profile 1.3, section 3.8.3.1: the keys of a node template.
_NODE_KEYS = dict.fromkeys(
    "type description metadata directives properties attributes requirements capabilities interfaces artifacts "
    "node_filter copy".split()
)
HOSTED_ON = "tosca.relationships.HostedOn"


def read_nodes(document: Document, library: Library, problems: Problems) -> dict[str, Node]:
    """Return the node templates by name, in the order of the file; unknown types, keys and targets are noted."""
    topology = document.data.get("topology_template")
    templates = topology.get("node_templates") if isinstance(topology, dict) else None
    nodes: dict[str, Node] = {}
    for name, template in (templates or {}).items():
        if _acceptable(name, template, document, library, problems):
            nodes[name] = _read_node(name, template, library, document, problems)
    for node in nodes.values():
        before = len(problems.found)
        found = _read_requirements(node, set(templates or {}), library, document, problems)
        # A target whose own declaration is wrong has been noted there.
        node.requirements = [requirement for requirement in found if requirement.target in nodes]
        if len(problems.found) == before and len(found) == len(node.requirements):
            check_requirements(node, nodes, library, document, problems)
    return nodes


def _acceptable(name: Any, template: Any, document: Document, library: Library, problems: Problems) -> bool:
    if not isinstance(name, str) or not _NAME.match(name) or name in _RESERVED or name.startswith("im_"):
        hint = "Use letters, digits, '_', '-' and '.', start with a letter; 'all', 'localhost' and 'im_...' are taken."
        problems.add(
            "bad-name", f"'{name}' cannot be the name of a node template.", document.at_key(*NODES, name), hint
        )
        return False
    kind = template.get("type") if isinstance(template, dict) else None
    if kind is None:
        problems.add("missing-value", f"Node '{name}' has no type.", document.at_key(*NODES, name), "Add 'type: ...'.")
        return False
    if library.resolve("node_types", kind) is None:
        hint = did_you_mean(str(kind), library.types["node_types"])
        problems.add("unknown-type", f"Nobody declared the type '{kind}'.", document.at(*NODES, name, "type"), hint)
        return False
    return True


def _read_node(name: str, template: dict[str, Any], library: Library, document: Document, problems: Problems) -> Node:
    kind = library.resolve("node_types", template["type"]) or ""
    definitions = library.merged("node_types", kind, "capabilities")
    node = Node(name, kind, (*NODES, name), template=template)
    node.capability_types = {key: _capability_type(value, library) for key, value in definitions.items()}
    _check_keys(template, _NODE_KEYS, node.path, document, problems, "section")
    check_shapes(node, library, document, problems)
    own = _mapping(template.get("properties"))
    node.properties = {**_defaults(library.merged("node_types", kind, "properties")), **own}
    _check_keys(
        own,
        library.merged("node_types", kind, "properties"),
        (*node.path, "properties"),
        document,
        problems,
        "property",
    )
    given = _mapping(template.get("capabilities"))
    _check_keys(given, definitions, (*node.path, "capabilities"), document, problems, "capability")
    for capability, capability_type in node.capability_types.items():
        node.capabilities[capability] = _capability(
            node, capability, capability_type, given, library, document, problems
        )
    node.operations = {**library.operations("node_types", kind), **_operations(template, library, kind)}
    node.artifacts = {**library.merged("node_types", kind, "artifacts"), **_mapping(template.get("artifacts"))}
    return node


def _operations(template: dict[str, Any], library: Library, kind: str) -> dict[str, Operation]:
    """An operation of the template replaces the type's one.

    Without an implementation of its own it only adds inputs.
    """
    result = read_operations(template.get("interfaces"))
    inherited = library.operations("node_types", kind)
    for interface in _mapping(template.get("interfaces")).values():
        for name, body in _mapping(interface).items():
            if name in inherited and name not in result and isinstance(body, dict):
                base = inherited[name]
                result[name] = Operation(name, base.implementation, {**base.inputs, **_mapping(body.get("inputs"))})
    return result


def _capability(
    node: Node,
    name: str,
    capability_type: str,
    given: dict[str, Any],
    library: Library,
    document: Document,
    problems: Problems,
) -> dict[str, Any]:
    schema = library.merged("capability_types", capability_type, "properties")
    own = _mapping(_mapping(given.get(name)).get("properties"))
    _check_keys(own, schema, (*node.path, "capabilities", name, "properties"), document, problems, "property")
    return {**_defaults(schema), **own}


def _check_keys(
    own: dict[str, Any], known: dict[str, Any], path: Path, document: Document, problems: Problems, what: str
) -> None:
    for key in own:
        if key not in known:
            owner = path[2]
            hint = did_you_mean(str(key), known)
            problems.add("unknown-key", f"Node '{owner}' has no {what} '{key}'.", document.at_key(*path, key), hint)


def _read_requirements(
    node: Node, names: set[str], library: Library, document: Document, problems: Problems
) -> list[Requirement]:
    definitions = library.requirements(node.type)
    result: list[Requirement] = []
    entries = node.template.get("requirements")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        for name, body in _mapping(entry).items():
            path = (*node.path, "requirements", index, name)
            target = body.get("node") if isinstance(body, dict) else body
            if name not in definitions:
                hint = did_you_mean(name, definitions)
                problems.add(
                    "unknown-key", f"Node '{node.name}' has no requirement '{name}'.", document.at_key(*path), hint
                )
            if not isinstance(target, str) or target not in names:
                where = document.at(*path, "node") if isinstance(body, dict) else document.at(*path)
                hint = did_you_mean(str(target), names)
                problems.add("unknown-node", f"There is no node template '{target}'.", where, hint)
                continue
            chosen, kind = _chosen_relationship(name, body, definitions, document)
            full = library.resolve("relationship_types", kind)
            if full is None:
                hint = did_you_mean(str(kind), library.types["relationship_types"])
                problems.add("unknown-type", "Nobody declared this relationship type.", document.at(*path), hint)
                continue
            schema = library.merged("relationship_types", full, "properties")
            own = _mapping(chosen.get("properties"))
            if "relationship" in _mapping(body):
                _check_keys(own, schema, (*path, "relationship", "properties"), document, problems, "property")
            operations = {**library.operations("relationship_types", full), **read_operations(chosen.get("interfaces"))}
            properties = {**_defaults(schema), **own}
            result.append(Requirement(name, node.name, target, full, properties, path, operations))
    return result


def _chosen_relationship(
    name: str, body: Any, definitions: dict[str, dict[str, Any]], document: Document
) -> tuple[dict[str, Any], Any]:
    """Return what the requirement says of its relationship, and the name of its type.

    The relationship is a type, the name of a relationship template, or a mapping; without one the type of the node
    decides.
    """
    declared = definitions.get(name, {}).get("relationship", "tosca.relationships.DependsOn")
    declared = declared.get("type") if isinstance(declared, dict) else declared
    given = body.get("relationship") if isinstance(body, dict) else None
    topology = document.data.get("topology_template")
    templates = _mapping(_mapping(topology).get("relationship_templates"))
    if isinstance(given, str) and given in templates:
        given = templates[given]
    if isinstance(given, dict):
        return given, given.get("type", declared)
    return {}, given if given is not None else declared


def _capability_type(definition: Any, library: Library) -> str:
    name = definition.get("type") if isinstance(definition, dict) else definition
    return library.resolve("capability_types", name) or "tosca.capabilities.Root"


def _defaults(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: item["default"] for name, item in schema.items() if isinstance(item, dict) and "default" in item}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}

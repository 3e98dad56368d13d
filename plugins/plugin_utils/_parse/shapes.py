# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the sections of a node template have the right form, and its requirements the right targets."""

from __future__ import annotations

from typing import Any

from .._errors import Problems, did_you_mean
from .library import Library
from .loader import Document
from .model import Node

_MAPPINGS = ("properties", "attributes", "capabilities", "interfaces", "artifacts")
# TOSCA Simple Profile 1.3, section 5.8.5, and what templates of the catalogue use beside it (profile, section 1.6).
_INTERFACES = {
    *("Standard", "Configure", "tosca.interfaces.node.lifecycle.Standard", "tosca.interfaces.relationship.Configure"),
}
_OPERATIONS = {
    *("create", "configure", "start", "stop", "delete", "pre_configure_source", "pre_configure_target"),
    *("post_configure_source", "post_configure_target", "configure_rel", "add_target", "add_source"),
    *("target_changed", "remove_target", "remove_source"),
}
_KEYWORDS = {"type", "inputs", "description", "derived_from", "operations", "notifications"}


def check_shapes(node: Node, library: Library, document: Document, problems: Problems) -> None:
    """Note sections of the wrong form, unknown operations, and artifacts of unknown types."""
    for section in _MAPPINGS:
        if not isinstance(node.template.get(section), (dict, type(None))):
            message = f"'{section}' of node '{node.name}' must be a mapping."
            problems.add("tosca", message, document.at(*node.path, section))
    if not isinstance(node.template.get("requirements"), (list, type(None))):
        message = f"'requirements' of node '{node.name}' must be a list."
        problems.add("tosca", message, document.at(*node.path, "requirements"), "Write '- host: ...'.")
    _check_interfaces(node, library, document, problems)
    _check_artifacts(node, library, document, problems)


def check_requirements(
    node: Node, nodes: dict[str, Node], library: Library, document: Document, problems: Problems
) -> None:
    """Note requirements that are missing, and those whose target cannot give what is required."""
    if not isinstance(node.template.get("requirements"), (list, type(None))):
        return
    definitions = library.requirements(node.type)
    given = {requirement.name for requirement in node.requirements}
    for name, definition in definitions.items():
        least = (definition.get("occurrences") or [1])[0]
        if name not in given and least not in (0, "0"):
            message = f"Node '{node.name}' needs the requirement '{name}'."
            hint = f"Add '- {name}: <node template>' to its requirements."
            problems.add("missing-value", message, document.at_key(*node.path), hint)
    for requirement in node.requirements:
        target = nodes[requirement.target]
        if not _fits(definitions.get(requirement.name, {}), target, library):
            message = f"Requirement '{requirement.name}' of node '{node.name}' cannot be met by '{target.name}'"
            wanted = definitions[requirement.name].get("node") or definitions[requirement.name].get("capability")
            hint = f"It needs a node of type {wanted}." if wanted else ""
            position = document.at(*requirement.path)
            problems.add("bad-type", f"{message} ({target.type}).", position, hint)


def _fits(definition: dict[str, Any], target: Node, library: Library) -> bool:
    """By the type of the node, or by a capability: `host: front` of a Helm chart means the Compute (section 1.11)."""
    wanted = library.resolve("node_types", definition.get("node"))
    capability = library.resolve("capability_types", definition.get("capability"))
    if wanted is not None and library.derives("node_types", target.type, wanted):
        return True
    if capability is None:
        return wanted is None
    kinds = target.capability_types.values()
    return any(library.derives("capability_types", kind, capability) for kind in kinds)


def _check_interfaces(node: Node, library: Library, document: Document, problems: Problems) -> None:
    declared = library.merged("node_types", node.type, "interfaces")
    interfaces = node.template.get("interfaces")
    for name, body in interfaces.items() if isinstance(interfaces, dict) else ():
        path = (*node.path, "interfaces", name)
        if name not in _INTERFACES and name not in declared:
            hint = did_you_mean(str(name), {*_INTERFACES, *declared})
            problems.add("unknown-key", f"Node '{node.name}' has no interface '{name}'.", document.at_key(*path), hint)
            continue
        inner = declared.get(name)
        known = {*_OPERATIONS, *_KEYWORDS, *(inner if isinstance(inner, dict) else ())}
        for operation in body if isinstance(body, dict) else ():
            if operation not in known and name in _INTERFACES:
                hint = did_you_mean(str(operation), known - _KEYWORDS)
                message = f"The interface '{name}' of node '{node.name}' has no operation '{operation}'."
                problems.add("unknown-key", message, document.at_key(*path, operation), hint)


def _check_artifacts(node: Node, library: Library, document: Document, problems: Problems) -> None:
    artifacts = node.template.get("artifacts")
    for name, body in artifacts.items() if isinstance(artifacts, dict) else ():
        kind = body.get("type") if isinstance(body, dict) else None
        if kind is not None and library.resolve("artifact_types", kind) is None:
            hint = did_you_mean(str(kind), library.types["artifact_types"])
            position = document.at(*node.path, "artifacts", name, "type")
            problems.add("unknown-type", f"Nobody declared the type '{kind}' of artifact '{name}'.", position, hint)

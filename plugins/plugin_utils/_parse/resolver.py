# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates the values of one template: follows properties, requirements and hosts, and calls TOSCA's functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .._errors import Problems, did_you_mean
from .functions import FUNCTIONS, FunctionError, Me, UnusableNodeError, is_call
from .library import Library
from .loader import Document, Path
from .model import Node, Requirement
from .nodes import HOSTED_ON

_MAX_DEPTH = 30
_USAGE = "Names are texts, places in a list are numbers: {get_property: [node, property, 0]}."


@dataclass
class Resolver:
    """Evaluates values of one template; `inputs` are the values of its inputs."""

    document: Document
    library: Library
    nodes: dict[str, Node]
    inputs: dict[str, Any]
    problems: Problems
    depth: int = 0
    notices: list[str] = field(default_factory=list)

    def value(self, raw: Any, me: Me, path: Path) -> Any:
        """Return `raw` with all function calls evaluated.

        `me` is what SELF means: the name of a node template, a requirement (then SELF is its relationship, and SOURCE
        and TARGET are its nodes), or None in outputs. `path` is the place of `raw`, for messages.
        A call that cannot be evaluated is noted as a problem and becomes None.
        """
        if isinstance(raw, dict):
            if len(raw) == 1 and is_call(call := next(iter(raw)), raw[call]):
                return self._call(str(call), raw[call], me, path)
            return {key: self.value(item, me, (*path, key)) for key, item in raw.items()}
        if isinstance(raw, list):
            return [self.value(item, me, (*path, index)) for index, item in enumerate(raw)]
        return raw

    def property_of(self, node: Node, name: str) -> Any:
        """Return the evaluated property of a node, None when it has none."""
        return self.value(node.properties.get(name), node.name, (*node.path, "properties", name))

    def capability_of(self, node: Node, capability: str) -> dict[str, Any]:
        """Return the evaluated properties of a capability of a node ({} when it has no such capability)."""
        path = (*node.path, "capabilities", capability, "properties")
        raw = node.capabilities.get(capability, {})
        return {name: self.value(item, node.name, (*path, name)) for name, item in raw.items()}

    def host_of(self, node: Node) -> Node | None:
        """Return the Compute that carries `node`: the node itself, or along its first HostedOn edge."""
        seen: set[str] = set()
        current: Node | None = node
        while current is not None and current.name not in seen:
            seen.add(current.name)
            if self.library.derives("node_types", current.type, "tosca.nodes.Compute"):
                return current
            current = self.next_host(current)
        return None

    def lookup(self, reference: Any, me: Me) -> Node:
        """Return the node that a function's first argument means: a name or a keyword. Raises `FunctionError`."""
        if isinstance(me, Requirement):
            ends = {"SOURCE": me.source, "TARGET": me.target}
            if reference == "SELF":
                raise FunctionError("SELF is a relationship here, which has properties only.")
            if reference == "HOST":
                return self.lookup("HOST", me.source)
            return self.lookup(ends.get(reference, reference), None)
        if reference in ("SELF", "HOST"):
            if me is None or me not in self.nodes:
                raise FunctionError(f"{reference} has no meaning here.", "Write the name of a node template.")
            own = self.nodes[me]
            host = own if reference == "SELF" else (self.next_host(own) or self.host_of(own))
            if host is None:
                raise FunctionError(f"Node '{me}' is not hosted anywhere, so HOST has no meaning.")
            return host
        if reference not in self.nodes:
            topology = self.document.data.get("topology_template") or {}
            if reference in (topology.get("node_templates") or {}):
                raise UnusableNodeError(reference)
            hint = did_you_mean(str(reference), self.nodes)
            raise FunctionError(f"There is no node template '{reference}'.", hint, "unknown-node")
        return self.nodes[reference]

    def next_host(self, node: Node) -> Node | None:
        for requirement in node.requirements:
            if self.library.derives("relationship_types", requirement.relationship, HOSTED_ON):
                return self.nodes.get(requirement.target)
        return None

    def _call(self, function: str, arguments: Any, me: Me, path: Path) -> Any:
        self.depth += 1
        try:
            if self.depth > _MAX_DEPTH:
                raise FunctionError("The functions refer to each other in a circle.")
            if function not in FUNCTIONS:
                raise FunctionError(f"There is no function '{function}'.", did_you_mean(function, FUNCTIONS))
            return FUNCTIONS[function](self, arguments, me, (*path, function))
        except UnusableNodeError:
            return None
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            # Arguments come in every shape; the functions look at those that they know.
            position = self.document.at(*path, function)
            self.problems.add("function", f"The arguments of '{function}' have no meaning.", position, _USAGE)
            return None
        except FunctionError as problem:
            position = self.document.at(*path, function)
            self.problems.add(problem.code, str(problem), position, problem.hint)
            return None
        finally:
            self.depth -= 1

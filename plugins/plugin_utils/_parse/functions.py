# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TOSCA's intrinsic functions (Simple Profile 1.3, section 4), evaluated as far as can be without hosts.

`Resolver.value` replaces every function call in a value. What needs hosts becomes an expression of `expressions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._errors import Problems, did_you_mean
from . import attributes
from .expressions import Expression, Joined, Token, is_known
from .library import Library
from .loader import Document, Path
from .nodes import HOSTED_ON, Node

_MAX_DEPTH = 30


class FunctionError(Exception):
    """A function call cannot be evaluated: `code` of the diagnostic, a sentence, a hint."""

    def __init__(self, message: str, hint: str = "", code: str = "function") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


@dataclass
class Resolver:
    """Evaluates values of one template; `inputs` are the values of its inputs."""

    document: Document
    library: Library
    nodes: dict[str, Node]
    inputs: dict[str, Any]
    problems: Problems
    depth: int = 0

    def value(self, raw: Any, me: str | None, path: Path) -> Any:
        """Return `raw` with all function calls evaluated.

        `me` is the node template that SELF means (None in outputs); `path` is the place of `raw`, for messages.
        A call that cannot be evaluated is noted as a problem and becomes None.
        """
        if isinstance(raw, dict):
            if len(raw) == 1 and (call := next(iter(raw))) in _FUNCTIONS:
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

    def lookup(self, reference: Any, me: str | None) -> Node:
        """Return the node that a function's first argument means: SELF, HOST or a name. Raises `FunctionError`."""
        if reference in ("SELF", "HOST"):
            if me is None or me not in self.nodes:
                raise FunctionError(f"{reference} has no meaning here.", "Write the name of a node template.")
            own = self.nodes[me]
            host = own if reference == "SELF" else (self.next_host(own) or self.host_of(own))
            if host is None:
                raise FunctionError(f"Node '{me}' is not hosted anywhere, so HOST has no meaning.")
            return host
        if reference not in self.nodes:
            hint = did_you_mean(str(reference), self.nodes)
            raise FunctionError(f"There is no node template '{reference}'.", hint, "unknown-node")
        return self.nodes[reference]

    def next_host(self, node: Node) -> Node | None:
        for requirement in node.requirements:
            if self.library.derives("relationship_types", requirement.relationship, HOSTED_ON):
                return self.nodes.get(requirement.target)
        return None

    def _call(self, function: str, arguments: Any, me: str | None, path: Path) -> Any:
        self.depth += 1
        try:
            if self.depth > _MAX_DEPTH:
                raise FunctionError("The functions refer to each other in a circle.")
            return _FUNCTIONS[function](self, arguments, me, (*path, function))
        except FunctionError as problem:
            position = self.document.at(*path, function)
            self.problems.add(problem.code, str(problem), position, problem.hint)
            return None
        finally:
            self.depth -= 1


def _get_input(resolver: Resolver, arguments: Any, _me: str | None, _path: Path) -> Any:
    name, *rest = arguments if isinstance(arguments, list) else [arguments]
    if name not in resolver.inputs:
        raise FunctionError(f"There is no input '{name}'.", did_you_mean(str(name), resolver.inputs), "unknown-input")
    return _descend(resolver.inputs[name], rest)


def _get_property(resolver: Resolver, arguments: Any, me: str | None, _path: Path) -> Any:
    reference, *keys = _list(arguments, 2, "get_property: [node, property]")
    node = resolver.lookup(reference, me)
    if reference == "HOST":
        while keys[0] not in node.properties and keys[0] not in node.capabilities:
            host = resolver.next_host(node)
            if host is None:
                break
            node = host
    if keys[0] in resolver.library.merged("node_types", node.type, "properties"):
        return _descend(resolver.property_of(node, keys[0]), keys[1:])
    if keys[0] in node.capabilities and len(keys) > 1:
        return _descend(resolver.capability_of(node, keys[0]).get(keys[1]), keys[2:])
    found = _through_requirement(resolver, node, keys)
    if found is not None:
        return found
    known = [*resolver.library.merged("node_types", node.type, "properties"), *node.capabilities]
    raise FunctionError(f"Node '{node.name}' has no property '{keys[0]}'.", did_you_mean(str(keys[0]), known))


def _through_requirement(resolver: Resolver, node: Node, keys: list[Any]) -> Any:
    """`[SELF, lrms, type]`.

    A property of the node (or of a capability of it) at the other end of requirement `lrms`.
    """
    for requirement in node.requirements:
        if requirement.name != keys[0] or len(keys) < 2:
            continue
        target = resolver.nodes[requirement.target]
        if keys[1] in target.properties:
            return _descend(resolver.property_of(target, keys[1]), keys[2:])
        for capability in (keys[0], *target.capabilities):
            properties = resolver.capability_of(target, capability)
            if keys[1] in properties:
                return _descend(properties[keys[1]], keys[2:])
    return None


def _get_attribute(resolver: Resolver, arguments: Any, me: str | None, _path: Path) -> Any:
    reference, *keys = _list(arguments, 2, "get_attribute: [node, attribute]")
    node = resolver.lookup(reference, me)
    host = resolver.host_of(node)
    found = attributes.attribute(resolver, node, host, keys, own=reference in ("SELF", "HOST"))
    if found is None:
        known = resolver.library.merged("node_types", node.type, "attributes")
        hint = did_you_mean(str(keys[0]), known)
        raise FunctionError(f"Node '{node.name}' has no attribute '{keys[0]}'.", hint)
    return found


def _concat(resolver: Resolver, arguments: Any, me: str | None, path: Path) -> Any:
    parts = [
        resolver.value(item, me, (*path, index)) for index, item in enumerate(_list(arguments, 1, "concat: [...]"))
    ]
    if is_known(parts):
        return "".join(text(part) for part in parts)
    return Joined(tuple(part if not is_known(part) else text(part) for part in parts))


def _join(resolver: Resolver, arguments: Any, me: str | None, path: Path) -> Any:
    items, *rest = _list(arguments, 1, "join: [[...], separator]")
    parts = resolver.value(items, me, (*path, 0))
    separator = text(rest[0]) if rest else ""
    if not isinstance(parts, list) or not is_known(parts):
        raise FunctionError("join needs a list whose parts are known before deployment.")
    return separator.join(text(part) for part in parts)


def _token(resolver: Resolver, arguments: Any, me: str | None, path: Path) -> Any:
    raw, separator, index = _list(arguments, 3, "token: [text, separator, index]")[:3]
    whole = resolver.value(raw, me, (*path, 0))
    if not isinstance(index, int) or not isinstance(separator, str) or separator == "":
        raise FunctionError("token needs a text, a separator and a whole number.", "token: [text, ':', 0]")
    if not is_known(whole):
        return Token(whole, separator, index)
    parts = text(whole).split(separator)
    if index >= len(parts):
        raise FunctionError(f"token: there is no part number {index} in '{whole}'.", "Parts count from 0.")
    return parts[index]


def text(value: Any) -> str:
    """Return a known value as `concat` writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _descend(value: Any, keys: list[Any]) -> Any:
    for key in keys:
        if (isinstance(value, dict) and key in value) or (
            isinstance(value, list) and isinstance(key, int) and -len(value) <= key < len(value)
        ):
            value = value[key]
        else:
            raise FunctionError(f"There is no '{key}' inside this value.")
    return value


def _list(arguments: Any, least: int, usage: str) -> list[Any]:
    if not isinstance(arguments, list) or len(arguments) < least:
        raise FunctionError("The function has too few arguments.", f"Write {usage}.")
    return arguments


_FUNCTIONS: dict[str, Callable[[Resolver, Any, str | None, Path], Any | Expression]] = {
    "get_input": _get_input,
    "get_property": _get_property,
    "get_attribute": _get_attribute,
    "concat": _concat,
    "join": _join,
    "token": _token,
}

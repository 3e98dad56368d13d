# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TOSCA's intrinsic functions (Simple Profile 1.3, section 4), evaluated as far as can be without hosts.

What needs hosts becomes an expression of `expressions.py`. Secret texts stay apart, so that none gets into a project.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._errors import did_you_mean
from . import attributes
from .expressions import Artifact, Expression, HostValue, Joined, Token, is_known
from .loader import Path
from .model import Node, Requirement
from .secret import Secret

if TYPE_CHECKING:
    from .resolver import Resolver

# What SELF means: a node template by name, a requirement, or nothing.
Me = str | Requirement | None


class FunctionError(Exception):
    """A function call cannot be evaluated: `code` of the diagnostic, a sentence, a hint."""

    def __init__(self, message: str, hint: str = "", code: str = "function") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


def _get_input(resolver: Resolver, arguments: Any, _me: Me, _path: Path) -> Any:
    name, *rest = arguments if isinstance(arguments, list) else [arguments]
    if name not in resolver.inputs:
        raise FunctionError(f"There is no input '{name}'.", did_you_mean(str(name), resolver.inputs), "unknown-input")
    return _descend(resolver.inputs[name], rest)


def _get_property(resolver: Resolver, arguments: Any, me: Me, _path: Path) -> Any:
    reference, *keys = _list(arguments, 2, "get_property: [node, property]")
    if reference == "SELF" and isinstance(me, Requirement):
        return _relationship_property(resolver, me, keys)
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


def _relationship_property(resolver: Resolver, requirement: Requirement, keys: list[Any]) -> Any:
    schema = resolver.library.merged("relationship_types", requirement.relationship, "properties")
    if keys[0] not in schema and keys[0] not in requirement.properties:
        raise FunctionError(f"The relationship has no property '{keys[0]}'.", did_you_mean(str(keys[0]), schema))
    path = (*requirement.path, "relationship", "properties", keys[0])
    return _descend(resolver.value(requirement.properties.get(keys[0]), requirement.source, path), keys[1:])


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


def _get_attribute(resolver: Resolver, arguments: Any, me: Me, _path: Path) -> Any:
    reference, *keys = _list(arguments, 2, "get_attribute: [node, attribute]")
    node = resolver.lookup(reference, me)
    host = resolver.host_of(node)
    found = attributes.attribute(resolver, node, host, keys, own=reference in ("SELF", "HOST"))
    if found is None:
        known = resolver.library.merged("node_types", node.type, "attributes")
        hint = did_you_mean(str(keys[0]), known)
        raise FunctionError(f"Node '{node.name}' has no attribute '{keys[0]}'.", hint)
    return found


def _concat(resolver: Resolver, arguments: Any, me: Me, path: Path) -> Any:
    parts = [
        resolver.value(item, me, (*path, index)) for index, item in enumerate(_list(arguments, 1, "concat: [...]"))
    ]
    return joined(parts)


def _join(resolver: Resolver, arguments: Any, me: Me, path: Path) -> Any:
    items, *rest = _list(arguments, 1, "join: [[...], separator]")
    parts = resolver.value(items, me, (*path, 0))
    separator = text(rest[0]) if rest else ""
    if not isinstance(parts, list):
        raise FunctionError("join needs a list whose length is known before deployment.")
    return joined([piece for part in parts for piece in (separator, part)][1:])


def _select(resolver: Resolver, arguments: Any, me: Me, path: Path) -> Any:
    index, items = arguments
    found = resolver.value(items, me, (*path, 1))
    if not isinstance(found, list) or not -len(found) <= index < len(found):
        raise FunctionError(f"select: there is no part number {index} in the list.", "Parts count from 0.")
    return found[index]


def _get_artifact(resolver: Resolver, arguments: Any, me: Me, _path: Path) -> Any:
    reference, name, *_rest = _list(arguments, 2, "get_artifact: [SELF, artifact]")
    node = resolver.lookup(reference, me)
    if name not in node.artifacts:
        hint = did_you_mean(str(name), node.artifacts)
        raise FunctionError(f"Node '{node.name}' has no artifact '{name}'.", hint)
    return Artifact(node.name, str(name))


def _get_operation_output(resolver: Resolver, arguments: Any, me: Me, _path: Path) -> Any:
    """What operations return is not kept (profile, section 1.8): the value is never known."""
    reference, *keys = _list(arguments, 4, "get_operation_output: [node, interface, operation, output]")
    return HostValue(resolver.lookup(reference, me).name, ("operation_output", *map(str, keys)))


def _get_nodes_of_type(resolver: Resolver, arguments: Any, _me: Me, _path: Path) -> Any:
    kind = arguments[0] if isinstance(arguments, list) and arguments else arguments
    full = resolver.library.resolve("node_types", kind)
    if full is None:
        hint = did_you_mean(str(kind), resolver.library.types["node_types"])
        raise FunctionError(f"Nobody declared the type '{kind}'.", hint, "unknown-type")
    return [name for name, node in resolver.nodes.items() if resolver.library.derives("node_types", node.type, full)]


def _token(resolver: Resolver, arguments: Any, me: Me, path: Path) -> Any:
    raw, separator, index = _list(arguments, 3, "token: [text, separator, index]")[:3]
    whole = resolver.value(raw, me, (*path, 0))
    if not isinstance(index, int) or not isinstance(separator, str) or separator == "":
        raise FunctionError("token needs a text, a separator and a whole number.", "token: [text, ':', 0]")
    if isinstance(whole, Secret) or not is_known(whole):
        return Token(whole, separator, index)
    parts = text(whole).split(separator)
    if index >= len(parts):
        raise FunctionError(f"token: there is no part number {index} in '{whole}'.", "Parts count from 0.")
    return parts[index]


class UnusableNodeError(Exception):
    """A node template is declared, but wrongly, which has been noted at its own place."""


# A misspelt function must not pass as data.
_LOOKS_LIKE_CALL = re.compile(r"^get_[a-z_]+$")


def joined(parts: list[Any]) -> Any:
    """Return the parts as one text; what is secret or not yet known stays apart, in a `Joined`."""
    result: list[Any] = []
    for part in parts:
        if isinstance(part, Joined):
            result.extend(part.parts)
        elif isinstance(part, Secret) or not is_known(part):
            result.append(part)
        elif result and isinstance(result[-1], str) and not isinstance(result[-1], Secret):
            result[-1] += text(part)
        else:
            result.append(text(part))
    if all(isinstance(part, str) and not isinstance(part, Secret) for part in result):
        return "".join(result)
    return Joined(tuple(result))


def is_call(name: Any, arguments: Any) -> bool:
    """True when a mapping with this one key is a call of a function, not data that happens to look like one."""
    if name == "join":
        return isinstance(arguments, list) and 1 <= len(arguments) <= 2 and isinstance(arguments[0], (list, dict))
    if isinstance(name, str) and name not in FUNCTIONS and _LOOKS_LIKE_CALL.match(name):
        return True
    if name == "select":
        return isinstance(arguments, list) and len(arguments) == 2 and isinstance(arguments[0], int)
    return name in FUNCTIONS


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


FUNCTIONS: dict[str, Callable[[Resolver, Any, Me, Path], Any | Expression]] = {
    "get_input": _get_input,
    "get_property": _get_property,
    "get_attribute": _get_attribute,
    "concat": _concat,
    "join": _join,
    "token": _token,
    "select": _select,
    "get_artifact": _get_artifact,
    "get_operation_output": _get_operation_output,
    "get_nodes_of_type": _get_nodes_of_type,
}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that are only known when the hosts exist.

`get_input`, `get_property` and the like are evaluated when a template is read. What is left are the expressions
below, plain data
that later stages turn into Jinja (for plays) or into values (for outputs). `encode` and `decode` give
them a YAML form, so that they survive in `topology.yml`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .secret import Secret

MARK = "im_expression"


@dataclass(frozen=True)
class SecretVariable:
    """What is left of a secret in a project: the environment variable that holds it during a run."""

    name: str


@dataclass(frozen=True)
class Address:
    """Address of the hosts of a group: `kind` is private or public; `index` None means the list of all."""

    group: str
    kind: str
    index: int | None = None


@dataclass(frozen=True)
class OwnVariable:
    """A variable of the host on which the step runs (`IM_NODE_PRIVATE_IP` ...), or of the first host of a `group`.

    `keys` lead into its value.
    """

    name: str
    group: str = ""
    keys: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Workers:
    """The hosts of the worker groups, as a list of `im_node` mappings."""

    groups: tuple[str, ...]


@dataclass(frozen=True)
class Leaving:
    """Host names of the workers that are about to be removed."""

    groups: tuple[str, ...]


@dataclass(frozen=True)
class InventoryHost:
    """Inventory name of one host of a group."""

    group: str
    index: int = 0


@dataclass(frozen=True)
class HostValue:
    """Something else that only a deployed host knows: `tosca_id`, `credential`, `ansible_output` ...

    `path` is what follows the node in `get_attribute`; evaluated in outputs only.
    """

    group: str
    path: tuple[str | int, ...]


@dataclass(frozen=True)
class Joined:
    """Texts and expressions, one after the other (`concat`)."""

    parts: tuple[Any, ...]


@dataclass(frozen=True)
class Token:
    """Part number `index` of a text split at `separator` (`token`)."""

    text: Any
    separator: str
    index: int


@dataclass(frozen=True)
class Artifact:
    """The path on the host of a file that the artifact `name` of a node means; it is copied there before the step."""

    node: str
    name: str


Expression = (
    Artifact | Address | OwnVariable | Workers | Leaving | InventoryHost | HostValue | Joined | Token | SecretVariable
)
EXPRESSIONS: tuple[type[Any], ...] = (
    *(Artifact, Address, OwnVariable, Workers, Leaving, InventoryHost, HostValue, Joined, Token),
    SecretVariable,
)
KINDS: dict[str, Callable[..., Expression]] = {kind.__name__: kind for kind in EXPRESSIONS}


def is_known(value: Any) -> bool:
    """True when no expression is left anywhere in `value`."""
    if isinstance(value, EXPRESSIONS):
        return False
    if isinstance(value, dict):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return True


def encode(value: Any) -> Any:
    """Return `value` with expressions as mappings `{im_expression: [kind, argument ...]}`.

    A user's own mapping is never taken for one. Of a secret only the name of its variable is left.
    """
    if isinstance(value, Secret):
        return {MARK: ["secret", value.variable]}
    if isinstance(value, EXPRESSIONS):
        return {MARK: [type(value).__name__, *(encode(getattr(value, name)) for name in value.__dataclass_fields__)]}
    if isinstance(value, dict):
        if MARK in value:
            return {MARK: ["map", [[key, encode(item)] for key, item in value.items()]]}
        return {key: encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(value: Any) -> Any:
    """Undo `encode`."""
    if isinstance(value, dict):
        if MARK not in value:
            return {key: decode(item) for key, item in value.items()}
        kind, *arguments = value[MARK]
        if kind == "secret":
            return SecretVariable(arguments[0])
        if kind == "map":
            return {key: decode(item) for key, item in arguments[0]}
        decoded = [decode(item) for item in arguments]
        return KINDS[kind](*(tuple(item) if isinstance(item, list) else item for item in decoded))
    if isinstance(value, list):
        return [decode(item) for item in value]
    return value

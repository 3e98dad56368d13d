# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expressions as Jinja for plays.

Only names that were validated (groups, variables) get into an expression. Text of users that is joined with
expressions goes into the play variable `im_text`, and the expression refers to it by index.
"""

from __future__ import annotations

from typing import Any

from .._parse.expressions import (
    EXPRESSIONS,
    Address,
    Expression,
    InventoryHost,
    Joined,
    Leaving,
    OwnVariable,
    SecretVariable,
    Token,
    Workers,
    is_known,
)
from .._parse.secret import Secret
from .yaml_text import Jinja

_VARIABLES = {"private": "IM_NODE_PRIVATE_IP", "public": "IM_NODE_PUBLIC_IP"}


class JinjaWriter:
    """Turns the values of one play; `texts` collects what its variable `im_text` must hold."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def value(self, value: Any) -> Any:
        """Return `value` with every expression replaced by a `Jinja` text."""
        if _is_expression(value):
            return Jinja("{{ " + self._expression(value) + " }}")
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def _expression(self, value: Expression | Secret) -> str:
        if isinstance(value, Secret):
            return _secret(value.variable)
        if isinstance(value, SecretVariable):
            return _secret(value.name)
        if isinstance(value, Address):
            return _address(value)
        if isinstance(value, OwnVariable):
            start = f"hostvars[groups['{value.group}'][0]]['{value.name}']" if value.group else value.name
            return start + "".join(f"[{key if isinstance(key, int) else self._text(key)}]" for key in value.keys)
        if isinstance(value, Workers):
            return f"{_members(value.groups)} | map('extract', hostvars, 'im_node') | list"
        if isinstance(value, Leaving):
            nodes = "groups['im_surplus'] | default([]) | map('extract', hostvars, 'im_node')"
            return f"{nodes} | selectattr('group', 'in', {list(value.groups)}) | map(attribute='name') | list"
        if isinstance(value, InventoryHost):
            return f"groups['{value.group}'][{value.index}]"
        if isinstance(value, Joined):
            return " ~ ".join(self._part(part) for part in value.parts)
        if isinstance(value, Token):
            return f"({self._part(value.text)}).split({self._text(value.separator)})[{value.index}]"
        raise TypeError(f"{value} has no meaning in a play")

    def _part(self, part: Any) -> str:
        if _is_expression(part):
            return f"({self._expression(part)})"
        if not is_known(part):
            raise TypeError(f"{part} cannot be joined")
        return self._text(str(part))

    def _text(self, text: str) -> str:
        if text not in self.texts:
            self.texts.append(text)
        return f"im_text[{self.texts.index(text)}]"


def _is_expression(value: Any) -> bool:
    return isinstance(value, (*EXPRESSIONS, Secret))


def _secret(variable: str) -> str:
    """Secrets are in the environment of the run; their names have letters, digits and underscores only."""
    return f"lookup('ansible.builtin.env', '{variable}', default=undef(hint='Set {variable} in the environment.'))"


def _address(value: Address) -> str:
    variable = _VARIABLES[value.kind]
    if value.index is None:
        return f"{_members((value.group,))} | map('extract', hostvars, '{variable}') | list"
    if value.index == 0:
        return f"hostvars[groups['{value.group}'][0]]['{variable}']"
    # An index beyond the group means its last host (profile, section 7: a template of the catalogue relies on it).
    last = f"[{value.index}, groups['{value.group}'] | length - 1] | min"
    return f"hostvars[groups['{value.group}'][{last}]]['{variable}']"


def _members(groups: tuple[str, ...]) -> str:
    """A group without hosts does not exist in the inventory."""
    found = " + ".join(
        f"groups['{group}'] | default([])" if len(groups) == 1 else f"(groups['{group}'] | default([]))"
        for group in groups
    )
    return found if len(groups) == 1 else f"({found})" if groups else "[]"

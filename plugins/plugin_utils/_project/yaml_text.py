# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write YAML for Ansible so that no text of a user can become a template.

Three kinds of text are told apart by their Python type: `Jinja` (an expression of ours), `Own` (a fixed text of ours)
and plain
`str`, which may come from a user. A plain text that has anything but harmless characters is written as `!unsafe`,
which Ansible never templates.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from .._parse.secret import Secret

# Without braces and line breaks neither a template nor a '#jinja2:' header with something to template can be written.
_HARMLESS = re.compile(r"[A-Za-z0-9_./:,@+=()# -]*")
_LONG = 110
_UNUSUAL_NAME = re.compile(r"^    (?![a-z_][a-z0-9_]*:)[A-Za-z_][A-Za-z0-9_]*:( |$)")


class Own(str):
    """A fixed text of this project."""


class Jinja(str):
    """An expression of this project; it may name variables, never contain text of a user."""


class Tagged:
    """A text with one of Ansible's tags, out of a foreign recipe: `!unsafe` or `!vault`."""

    def __init__(self, tag: str, text: str) -> None:
        self.tag, self.text = tag, text


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key, as ansible-lint wants it, and never writes anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(data: Any) -> str:
    """Return `data` (mappings, lists, scalars) as one YAML document with the `---` line."""
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=110,  # a line goes on to the end of its word
        explicit_start=True,
        default_flow_style=False,
    )
    return text


def dump_plays(plays: list[dict[str, Any]]) -> str:
    """Return a playbook with an empty line between its plays."""
    first, *others = dump(plays).split("\n- ")
    return "\n\n- ".join([first, *others]).replace("---\n\n", "---\n", 1)


def accept_names(text: str) -> str:
    """Return a playbook in which ansible-lint accepts the variables of plays that are not in lower case.

    Their names are not ours: recipes look for them. A line on which a quoted text goes on is left alone.
    """
    lines = text.split("\n")
    inside = False
    for index, line in enumerate(lines):
        if not line.startswith("    "):
            inside = line == "  vars:"
        match = _UNUSUAL_NAME.match(line) if inside else None
        if match and line.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0 and not line.endswith("\\"):
            lines[index] = f"{line} # noqa: var-naming[pattern]"
    return "\n".join(lines)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    style = '"' if _needs_quotes(dumper, value) else None
    if not _HARMLESS.fullmatch(value):
        return dumper.represent_scalar("!unsafe", value, style='"')
    if len(value) > _LONG:
        style = ">"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _own(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
    if "\n" in value:
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style="|")
    if len(value) > _LONG:
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style=">")
    style = '"' if _needs_quotes(dumper, value) or "{" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style=style)


def _refuse_secret(_dumper: yaml.SafeDumper, value: Secret) -> yaml.Node:
    raise TypeError(f"a secret ({value.variable}) was about to be written into a project")


def _needs_quotes(dumper: yaml.SafeDumper, value: str) -> bool:
    """Numbers, booleans and dates written as text keep their quotes; double ones, as in the rest of the project."""
    resolved: str = dumper.resolve(yaml.ScalarNode, value, (True, False))  # type: ignore[no-untyped-call]
    return value == "" or resolved != "tag:yaml.org,2002:str" or value[-1:] == ":"


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Own, _own)
_Dumper.add_representer(Jinja, _own)
_Dumper.add_representer(Tagged, lambda dumper, value: dumper.represent_scalar("!" + value.tag, value.text, style="|"))
_Dumper.add_representer(Secret, _refuse_secret)

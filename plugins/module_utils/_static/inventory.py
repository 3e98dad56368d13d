# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files with hosts: a list in YAML, or an inventory of Ansible (INI or YAML). Read as data; nothing in them is run."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .._hosts.model import HostsError
from .entries import OTHER_NAMES

try:
    import yaml

    HAS_YAML = True
except ImportError:
    HAS_YAML = False

_MOST_BYTES = 4 * 2**20
_MOST_HOSTS = 10_000
_MOST_DEPTH = 20
_SECTION = re.compile(r"\[([^\]:]+)(?::(vars|children|hosts))?\]\s*(?:[#;].*)?")
_RANGE = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]", re.ASCII)
_OUR_GROUPS = ("all", "ungrouped")
Variables = dict[str, Any]


class _Inventory:
    """The groups of an inventory: their hosts, their variables, the groups in them."""

    def __init__(self) -> None:
        self.hosts: dict[str, Variables] = {}
        self.members: dict[str, list[str]] = {}
        self.variables: dict[str, Variables] = {}
        self.children: dict[str, list[str]] = {}

    def add(self, group: str, pattern: str, variables: Variables) -> None:
        """Note the hosts of a pattern (a name, or several by a range) in a group."""
        for name in _expand(pattern):
            self.hosts.setdefault(name, {}).update(variables)
            self.members.setdefault(group, []).append(name)
            if len(self.hosts) > _MOST_HOSTS:
                raise HostsError(f"The inventory has more than {_MOST_HOSTS} hosts.")

    def entries(self) -> list[Variables]:
        """Return the hosts in the form of a list: variables of outer groups first, then inner ones, then own."""
        result = []
        for name, own in self.hosts.items():
            ways = self._groups_of(name)
            merged: Variables = {}
            for group in ("all", *ways):
                merged.update(self.variables.get(group, {}))
            merged.update(own)
            taken = {**OTHER_NAMES, "public_ip": "public_ip", "private_ip": "private_ip"}
            known = {taken[key]: value for key, value in merged.items() if key in taken}
            given = {"name": name} if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", name) else {}
            groups = [group for group in reversed(ways) if group not in _OUR_GROUPS]
            result.append({**given, "address": name, **known, "groups": groups})
        return result

    def _groups_of(self, name: str) -> list[str]:
        """The groups of a host, the outermost first."""
        found = [group for group, members in self.members.items() if name in members]
        for group in found:
            found += [outer for outer, inner in self.children.items() if group in inner and outer not in found]
        return list(reversed(found))


def read_file(path: str) -> list[Any]:
    """Return the hosts of a file, not yet checked; raises HostsError."""
    try:
        with open(path, "rb") as file:
            raw = file.read(_MOST_BYTES + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise HostsError(f"The file with the hosts cannot be read: {path} ({error.strerror}).") from None
    except ValueError:
        raise HostsError(f"The file with the hosts is not text: {path}.") from None
    if len(raw) > _MOST_BYTES:
        raise HostsError(f"The file with the hosts is larger than {_MOST_BYTES // 2**20} MiB: {path}.")
    if Path(path).suffix.lower() in (".yml", ".yaml", ".json"):
        return _read_yaml(text, path)
    return read_ini(text)


def _read_yaml(text: str, path: str) -> list[Any]:
    if not HAS_YAML:
        raise HostsError("The Python of the controller has no PyYAML.", "install it, or give the hosts as a list.")
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise HostsError(f"The file with the hosts is not YAML: {path} ({' '.join(str(error).split())}).") from None
    return read_document(found)


def read_document(found: Any) -> list[Any]:
    """Return the hosts of a document: a list, a mapping with the list `hosts`, or an inventory; raises HostsError."""
    if isinstance(found, Mapping) and isinstance(found.get("hosts"), list):
        found = found["hosts"]
    if isinstance(found, list):
        return found
    if not isinstance(found, Mapping):
        raise HostsError("The file with the hosts has neither a list nor an inventory.")
    inventory = _Inventory()
    for name, content in found.items():
        _read_group(inventory, str(name), content, 0)
    return list(inventory.entries())


def _read_group(inventory: _Inventory, name: str, content: Any, depth: int) -> None:
    if content is None:
        return
    if not isinstance(content, Mapping) or depth > _MOST_DEPTH:
        raise HostsError(f"The group {name!r} of the inventory is not understood.", "it has hosts, vars and children.")
    for key in ("hosts", "vars", "children"):
        if not isinstance(content.get(key) or {}, Mapping):
            raise HostsError(f"The {key} of the group {name!r} of the inventory are no mapping.")
    inventory.variables.setdefault(name, {}).update(content.get("vars") or {})
    for host, own in (content.get("hosts") or {}).items():
        inventory.add(name, str(host), dict(own) if isinstance(own, Mapping) else {})
    for child, inner in (content.get("children") or {}).items():
        inventory.children.setdefault(name, []).append(str(child))
        _read_group(inventory, str(child), inner, depth + 1)


def read_ini(text: str) -> list[Any]:
    """Return the hosts of an inventory in the form of INI; raises HostsError naming the line."""
    inventory = _Inventory()
    group, kind = "ungrouped", "hosts"
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        section = _SECTION.fullmatch(line)
        if section:
            group, kind = section[1].strip(), section[2] or "hosts"
        elif kind == "children":
            inventory.children.setdefault(group, []).append(line.split()[0])
        elif kind == "vars":
            name, _equals, value = line.partition("=")
            inventory.variables.setdefault(group, {})[name.strip()] = _value(value.strip())
        else:
            name, variables = _host_line(line, number)
            inventory.add(group, name, variables)
    return list(inventory.entries())


def _host_line(line: str, number: int) -> tuple[str, Variables]:
    try:
        first, *rest = shlex.split(line, comments=True)
        variables = {}
        for word in rest:
            name, equals, value = word.partition("=")
            if not equals:
                raise ValueError(f"{word!r} is not name=value")
            variables[name] = _value(value)
    except ValueError as error:
        raise HostsError(f"Line {number} of the inventory is not understood: {error}.") from None
    found = re.fullmatch(r"([^:\[\]]+):(\d+)", first)
    if found:
        return found[1], {"ansible_port": int(found[2]), **variables}
    return first, variables


def _value(text: str) -> Any:
    """The text of a variable: a number or a quoted string as Python writes them, else the text itself."""
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return found if isinstance(found, str | int) and not isinstance(found, bool) else text


def _expand(pattern: str) -> Iterator[str]:
    """The names that a pattern stands for: web[01:03] are three."""
    found = _RANGE.search(pattern)
    if not found:
        yield pattern
        return
    first, last, step = found[1], found[2], int(found[3] or 1)
    if step < 1:
        raise HostsError(f"The range in {pattern!r} has no step.")
    if first.isdigit() and last.isdigit():
        numbers = range(int(first), int(last) + 1, step)
        names = (str(number).zfill(len(first)) if first[0] == "0" else str(number) for number in numbers)
        many = len(numbers)
    elif len(first) == len(last) == 1 and (first + last).isalpha():
        letters = range(ord(first), ord(last) + 1, step)
        names, many = (chr(letter) for letter in letters), len(letters)
    else:
        raise HostsError(f"The range in {pattern!r} is not understood.", "write [01:20] or [a:f].")
    if many > _MOST_HOSTS:
        raise HostsError(f"The range in {pattern!r} has more than {_MOST_HOSTS} hosts.")
    for name in names:
        yield from _expand(pattern[: found.start()] + name + pattern[found.end() :])

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML with positions: plain data in, and for each path the place where it stands in the file.

Only plain YAML is read: tags other than the standard ones, duplicate keys, endless nesting and alias bombs are refused,
because the text comes from users.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import yaml

from .._errors import Diagnostic, Position, Problems, TemplateError

Path = tuple[Any, ...]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 60
MAX_NODES = 100_000
_STANDARD = "tag:yaml.org,2002:"
_TAGS = {"str", "int", "float", "bool", "null", "timestamp", "seq", "map", "merge", "value", "binary"}
_BASE: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Document:
    """A loaded file: `data` (dict, list, scalars) and the position of every value and key in it."""

    file: str
    data: Any
    positions: dict[Path, Position] = field(default_factory=dict, repr=False)
    keys: dict[Path, Position] = field(default_factory=dict, repr=False)

    def at(self, *path: Any) -> Position:
        """Return the position of the value at `path`, or of its nearest parent that is in the file."""
        return self._find(self.positions, path)

    def at_key(self, *path: Any) -> Position:
        """Return the position of the key that ends `path`, or of the nearest parent that is in the file."""
        return self.keys[path] if path in self.keys else self._find(self.positions, path)

    def _find(self, table: dict[Path, Position], path: Path) -> Position:
        while path and path not in table:
            path = path[:-1]
        return table.get(path, Position(self.file, 1, 1))


def load(text: str, file: str) -> Document:
    """Parse `text`; `file` is only used in messages.

    Raises `TemplateError` (codes yaml, too-large) with the place of the first syntax error or all tag and key problems.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise TemplateError([Diagnostic("too-large", f"The file has more than {MAX_BYTES // 1024} KiB.", _start(file))])
    loader = _BASE(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise TemplateError([Diagnostic("yaml", "The file is empty.", _start(file))])
        builder = _Builder(file, loader)
        data = builder.build(node, ())
        builder.problems.raise_if_any()
    except yaml.YAMLError as error:
        raise TemplateError([_syntax_problem(error, file)]) from None
    except RecursionError:
        raise TemplateError([Diagnostic("too-large", "The YAML refers to itself.", _start(file))]) from None
    finally:
        loader.dispose()
    return Document(file, data, builder.positions, builder.keys)


class _Builder:
    """Turns a YAML node graph into plain data and remembers where each value was."""

    def __init__(self, file: str, loader: Any) -> None:
        self.file = file
        self.loader = loader
        self.positions: dict[Path, Position] = {}
        self.keys: dict[Path, Position] = {}
        self.problems = Problems()
        self.count = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        self.count += 1
        position = self._position(node)
        if len(path) > MAX_DEPTH or self.count > MAX_NODES:
            raise TemplateError(
                [Diagnostic("too-large", "The YAML is nested too deeply or has too many values.", position)]
            )
        self.positions[path] = position
        if node.tag.removeprefix(_STANDARD) not in _TAGS:
            self.problems.add("yaml", f"The tag '{node.tag}' is not allowed here.", position, "Write plain YAML.")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, position)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Any, Any]:
        self._refuse_duplicates(node)
        self.loader.flatten_mapping(node)
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self._scalar(key_node, self._position(key_node)) if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or not isinstance(key, Hashable):
                self.problems.add("yaml", "A key must be a plain word.", self._position(key_node))
                continue
            self.keys[(*path, key)] = self._position(key_node)
            result[key] = self.build(value_node, (*path, key))
        return result

    def _refuse_duplicates(self, node: yaml.MappingNode) -> None:
        """Duplicates must be looked for before merge keys (`<<`) are expanded: overriding a merged key is fine."""
        first: dict[str, int] = {}
        for key_node, _value in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.value in first:
                hint = f"It stands first at line {first[key_node.value]}; remove one of them."
                self.problems.add("yaml", f"The key '{key_node.value}' is given twice.", self._position(key_node), hint)
            elif isinstance(key_node, yaml.ScalarNode):
                first[key_node.value] = key_node.start_mark.line + 1

    def _scalar(self, node: yaml.Node, position: Position) -> Any:
        try:
            return self.loader.construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError):
            self.problems.add("yaml", "The value cannot be read.", position, "Put it in quotes.")
            return None

    def _position(self, node: yaml.Node) -> Position:
        return Position(self.file, node.start_mark.line + 1, node.start_mark.column + 1)


def _start(file: str) -> Position:
    return Position(file, 1, 1)


def _syntax_problem(error: yaml.YAMLError, file: str) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    position = Position(file, mark.line + 1, mark.column + 1) if mark else _start(file)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "the text cannot be read"
    return Diagnostic("yaml", f"This is not valid YAML: {reason}.", position, "Check indentation, colons and quotes.")

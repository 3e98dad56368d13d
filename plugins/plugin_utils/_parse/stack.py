# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A template with its add-ons becomes one document, in which every value still knows its own file and line.

The rules are those of the existing catalogue (profile, section 1.13), except that nothing of an add-on is dropped:

* `metadata.parents` of an add-on, or `metadata.childs` of the other one, says that the two fit.
* Entries of mappings (inputs, node templates, outputs, types) replace those of the same name; lists (imports, policies)
  are put together.
* `metadata.link: {parent, childs}` names a ready-made combination.
* `imports: [{template_file: NAME}]` takes another template as the base, whose inputs get new defaults or values.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .._errors import Diagnostic, Problems, TemplateError
from .library import SECTIONS
from .loader import Document, Path, load
from .source import Source, slug

Find = Callable[[str, str], Source]
_TOPOLOGY = "topology_template"
_MOST_LINKS = 5


@dataclass(frozen=True)
class _Layer:
    """One file of the combination; an `overlay` names the files before it itself, so it need not be an add-on."""

    source: Source
    document: Document
    overlay: bool = False

    @property
    def stem(self) -> str:
        return _stem(self.source.file)

    @property
    def parents(self) -> set[str]:
        return _stems(metadata_of(self.document).get("parents"))


def read_stack(sources: list[Source], find: Find) -> tuple[str, Document]:
    """Return the name of the combination and its document.

    `find` returns the template of a name; its second argument is the place of the template that names it.
    Raises `TemplateError` when a file is no mapping, or when an add-on has no parent among the templates.
    """
    layers = [layer for source in sources for layer in _expanded(source, find, 0)]
    layers.sort(key=lambda layer: bool(layer.parents))  # bases first; the order of the add-ons is the user's
    _check_parents(layers)
    document = layers[0].document
    for layer in layers[1:]:
        document = merge(document, layer.document)
    # One source that links others keeps its own name.
    names = [sources[0].name] if len(sources) == 1 else dict.fromkeys(layer.source.name for layer in layers)
    return slug("-".join(names)), document


def merge(parent: Document, child: Document) -> Document:
    """Return the parent with the child laid over it; neither is changed."""
    adopted: dict[Path, Path] = {}
    data = dict(parent.data)
    for section, body in child.data.items():
        if section == _TOPOLOGY and isinstance(body, dict):
            mine = data.get(section)
            data[section] = dict(mine) if isinstance(mine, dict) else {}
            for key, entries in body.items():
                data[section][key] = _joined(data[section].get(key), entries, (section, key), adopted)
        elif section in ("imports", "repositories", "dsl_definitions", *SECTIONS):
            data[section] = _joined(data.get(section), body, (section,), adopted)
        elif section == "metadata":
            data[section] = _metadata(data.get(section), body)
        elif section not in data:
            data[section] = body
            adopted[(section,)] = (section,)
    return Document(
        parent.file,
        data,
        _graft(parent.positions, child.positions, adopted),
        _graft(parent.keys, child.keys, adopted),
    )


def metadata_of(document: Document) -> dict[str, Any]:
    """Return the section `metadata` ({} when there is none)."""
    found = document.data.get("metadata") if isinstance(document.data, dict) else None
    return found if isinstance(found, dict) else {}


def _expanded(source: Source, find: Find, depth: int) -> list[_Layer]:
    """Return the files that a source stands for: what it links or imports, then itself."""
    document = load(source.text, source.file)
    if not isinstance(document.data, dict):
        hint = "Start with 'tosca_definitions_version:'."
        raise TemplateError([Diagnostic("tosca", "A template is a mapping.", document.at(), hint)])
    link, base = metadata_of(document).get("link"), _imported_template(document)
    names = [link.get("parent"), *_names(link.get("childs"))] if isinstance(link, dict) else [base]
    named = [name for name in names if isinstance(name, str)]
    if not named:
        return [_Layer(source, document)]
    if depth >= _MOST_LINKS:
        raise TemplateError([Diagnostic("add-on", "The templates refer to each other in a circle.", document.at())])
    layers = [layer for name in named for layer in _expanded(find(name, source.place), find, depth + 1)]
    return [*layers, _Layer(source, document if base is None else _over(layers, document), overlay=True)]


def _imported_template(document: Document) -> str | None:
    for entry in document.data.get("imports") or [] if isinstance(document.data.get("imports"), list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("template_file"), str):
            return str(entry["template_file"])
    return None


def _over(layers: list[_Layer], document: Document) -> Document:
    """Complete the inputs of a template that lays values over an imported one: a plain value is a new default."""
    imports = [item for item in document.data["imports"] if not (isinstance(item, dict) and "template_file" in item)]
    data = {**document.data, "imports": imports}
    topology = data.get(_TOPOLOGY)
    inputs = topology.get("inputs") if isinstance(topology, dict) else None
    if isinstance(topology, dict) and isinstance(inputs, dict):
        known: dict[str, Any] = {}
        for layer in layers:
            section = layer.document.data.get(_TOPOLOGY)
            found = section.get("inputs") if isinstance(section, dict) else None
            known.update(found if isinstance(found, dict) else {})
        data[_TOPOLOGY] = {**topology, "inputs": {name: _input(known.get(name), own) for name, own in inputs.items()}}
    return Document(document.file, data, document.positions, document.keys)


def _input(base: Any, own: Any) -> Any:
    definition = own if isinstance(own, dict) and ("default" in own or "type" in own) else {"default": own}
    return {**(base if isinstance(base, dict) else {}), **definition}


def _check_parents(layers: list[_Layer]) -> None:
    """Every add-on needs a parent that stands before it, and there is one base."""
    problems = Problems()
    for index, layer in enumerate(layers):
        before = layers[:index]
        if any(_fits(layer, other) for other in before) or layer.overlay:
            continue
        if layer.parents:
            hint = f"Deploy it with one of them: -e 'template=[{min(layer.parents)},{layer.stem}]'."
            message = f"'{layer.stem}' is an add-on; it needs one of: {', '.join(sorted(layer.parents))}."
            problems.add("add-on", message, layer.document.at("metadata", "parents"), hint)
        elif before:
            hint = f"Name one base and its add-ons. '{layer.stem}' names no parents, and no other template names it."
            message = f"'{layer.stem}' is not an add-on of {' or '.join(other.stem for other in before)}."
            problems.add("add-on", message, layer.document.at(), hint)
    problems.raise_if_any()


def _fits(child: _Layer, parent: _Layer) -> bool:
    return parent.stem in child.parents or child.stem in _stems(metadata_of(parent.document).get("childs"))


def _stems(names: Any) -> set[str]:
    return {_stem(name) for name in _names(names)}


def _names(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _stem(file: str) -> str:
    return os.path.splitext(file.partition("?")[0].rpartition("/")[2])[0]


def _joined(mine: Any, theirs: Any, path: Path, adopted: dict[Path, Path]) -> Any:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        adopted.update({(*path, name): (*path, name) for name in theirs})
        return {**mine, **theirs}
    if isinstance(mine, list) and isinstance(theirs, list):
        fresh = [(index, item) for index, item in enumerate(theirs) if item not in mine]
        adopted.update({(*path, index): (*path, len(mine) + place) for place, (index, _item) in enumerate(fresh)})
        return [*mine, *(item for _index, item in fresh)]
    if theirs is None:
        return mine
    adopted[path] = path
    return theirs


def _metadata(mine: Any, theirs: Any) -> Any:
    """The base says what the whole is called; the tabs of the form are put together."""
    if not isinstance(mine, dict) or not isinstance(theirs, dict):
        return mine if isinstance(mine, dict) else theirs
    result = {**theirs, **mine}
    tabs = [body.get("tabs") for body in (mine, theirs)]
    if any(isinstance(found, dict) for found in tabs):
        result["tabs"] = {key: value for found in tabs if isinstance(found, dict) for key, value in found.items()}
    for name in ("childs", "parents", "link"):
        result.pop(name, None)
    return result


def _graft(mine: dict[Path, Any], theirs: dict[Path, Any], adopted: dict[Path, Path]) -> dict[Path, Any]:
    """Return the places of both: what the child replaces is forgotten, what is adopted moves to its new path."""
    replaced = set(adopted.values())
    depths = sorted({len(path) for path in (*adopted, *replaced)})
    result = {path: place for path, place in mine.items() if not any(path[:depth] in replaced for depth in depths)}
    for path, place in theirs.items():
        for start in _prefixes(path, depths):
            if start in adopted:
                result[(*adopted[start], *path[len(start) :])] = place
                break
    return result


def _prefixes(path: Path, depths: Iterable[int]) -> list[Path]:
    return [path[:depth] for depth in depths if depth <= len(path)]

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first stage as one call: text and inputs in, a checked `Template` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .._errors import Diagnostic, Problems, TemplateError
from .grammar import check_grammar
from .imports import Mirror, extend_by_imports
from .inputs import Generator, input_values
from .library import Library
from .loader import Document, load
from .model import Node
from .nodes import read_nodes
from .resolver import Resolver
from .source import Source
from .stack import metadata_of
from .structure import check_own_types, check_structure
from .values import ValueMismatchError, convert


@dataclass(frozen=True)
class Surroundings:
    """What the caller knows beside the template.

    `place` is the template's folder ("" for none), `mirror` gives the local path of a URL or None, `generator` makes
    the values that a template leaves to the engine.
    """

    place: str = ""
    mirror: Mirror = lambda _url: None
    generator: Generator = field(default_factory=Generator)


@dataclass
class Template:
    """What was read; `resolver` evaluates its values, `resolver.problems` holds what was found to be wrong."""

    name: str
    document: Document
    library: Library
    nodes: dict[str, Node]
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    metadata: dict[str, Any]
    resolver: Resolver


def parse(source: Source, given: Mapping[str, Any], library: Library) -> Template:
    """Read, check and resolve a template. Raises `TemplateError` with every problem that was found."""
    template = read_template(source.name, load(source.text, source.file), given, library)
    check_remaining(template)
    return template


def check_remaining(template: Template) -> None:
    """Raise `TemplateError` with the problems that were noted; without any, ask tosca-parser for those it knows."""
    problems = template.resolver.problems
    if not problems.found:
        check_grammar(template.document, template.inputs, template.library, problems)
    problems.raise_if_any()


def read_template(
    name: str,
    document: Document,
    given: Mapping[str, Any],
    library: Library,
    around: Surroundings | None = None,
) -> Template:
    """Do the same for a loaded document, but leave the problems in `Template.resolver`.

    The next stage finds more, and all are told at once.
    Raises `TemplateError` when there is nothing to go on with (no YAML, no topology).
    """
    around = around or Surroundings()
    problems = Problems()
    _check_document(document, problems)
    library = extend_by_imports(document, library, around.place, around.mirror, problems).extended(document.data)
    check_own_types(document, library, problems)
    metadata = metadata_of(document)
    inputs = input_values(document, given, library, problems, around.generator, metadata)
    nodes = read_nodes(document, library, problems)
    resolver = Resolver(document, library, nodes, inputs, problems)
    _check_properties(resolver)
    outputs = _outputs(resolver)
    return Template(name, document, library, nodes, inputs, outputs, metadata, resolver)


def _check_document(document: Document, problems: Problems) -> None:
    """Note what makes it useless to read on."""
    if not isinstance(document.data, dict):
        hint = "Start with 'tosca_definitions_version:'."
        raise TemplateError([Diagnostic("tosca", "A template is a mapping.", document.at(), hint)])
    if not check_structure(document, problems):
        problems.raise_if_any()


def _check_properties(resolver: Resolver) -> None:
    """Evaluate every property and capability property once, and compare what is known with its declaration."""
    for node in resolver.nodes.values():
        schemas = resolver.library.merged("node_types", node.type, "properties")
        written = node.template.get("properties")
        for name, schema in schemas.items():
            given = isinstance(written, dict) and name in written
            if given or name in node.properties:
                _check_value(resolver, node, resolver.property_of(node, name), schema, ("properties", name))
            elif schema.get("required", True) and "default" not in schema and not _optional(schema):
                hint = f"Add '{name}:' to its properties."
                message = f"Node '{node.name}' needs a value for '{name}'."
                resolver.problems.add("missing-value", message, resolver.document.at_key(*node.path), hint)
        for capability, kind in node.capability_types.items():
            schemas = resolver.library.merged("capability_types", kind, "properties")
            for name, value in resolver.capability_of(node, capability).items():
                path = ("capabilities", capability, "properties", name)
                _check_value(resolver, node, value, schemas.get(name, {}), path)


def _optional(schema: dict[str, Any]) -> bool:
    return schema.get("required") in (False, "false", "no")


def _check_value(resolver: Resolver, node: Node, value: Any, schema: dict[str, Any], path: tuple[str, ...]) -> None:
    if value in (None, "") or not schema or _is_open(value, schema) or _is_no_size(value, schema):
        return
    if path[-1] == "mem_size" and isinstance(value, int):
        return  # a number of MiB, as templates of the catalogue have it (profile, section 4)
    try:
        convert(value, schema, resolver.library)
    except ValueMismatchError as problem:
        position = resolver.document.at(*node.path, *path)
        resolver.problems.add(problem.code, f"'{path[-1]}' of node '{node.name}': {problem}.", position, problem.hint)


def _is_open(value: Any, schema: dict[str, Any]) -> bool:
    """Not known before deployment, a comparison (`{greater_or_equal: 2}`), or of a type that has no simple check."""
    if not isinstance(value, (str, int, float, bool)):
        return schema.get("type") not in ("string", "integer", "float", "boolean") or not isinstance(value, list)
    return False


def _is_no_size(value: Any, schema: dict[str, Any]) -> bool:
    """A size of zero means "none" in this profile although the normative types want at least 1 MB."""
    return schema.get("type") == "scalar-unit.size" and str(value).strip().split(" ", maxsplit=1)[0] in ("0", "0.0")


def _outputs(resolver: Resolver) -> dict[str, Any]:
    topology = resolver.document.data.get("topology_template") or {}
    result: dict[str, Any] = {}
    for name, body in (topology.get("outputs") or {}).items():
        raw = body.get("value") if isinstance(body, dict) else body
        result[str(name)] = resolver.value(raw, None, ("topology_template", "outputs", name, "value"))
    return result

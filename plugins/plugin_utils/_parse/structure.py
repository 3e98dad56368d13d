# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The structure of a document: sections, versions, types that a template declares itself.

tosca-parser accepts some of these mistakes silently, and tells others without a place (profile, section 5).
"""

from __future__ import annotations

from typing import Any

from .._errors import Problems, did_you_mean
from .library import SECTIONS, Library
from .loader import Document, Path
from .units import UNITS

VERSIONS = (
    "tosca_simple_yaml_1_0",
    "tosca_simple_yaml_1_2",
    "tosca_simple_yaml_1_3",
    "tosca_simple_profile_for_nfv_1_0_0",
    "tosca_simple_profile_for_mec_1_0_0",
)
# TOSCA Simple Profile 1.3, sections 3.10 and 3.9.
_TOP = {
    *("tosca_definitions_version", "namespace", "metadata", "template_name", "template_author", "template_version"),
    *("description", "dsl_definitions", "repositories", "imports", "topology_template", "tosca_default_namespace"),
    *SECTIONS,
}
_TOPOLOGY = {
    *("description", "inputs", "node_templates", "relationship_templates", "groups", "policies", "outputs"),
    *("substitution_mappings", "workflows"),
}
SIMPLE_TYPES = {
    *("string", "integer", "float", "boolean", "list", "map", "range", "version", "timestamp", "json"),
    *UNITS,
}


def check_structure(document: Document, problems: Problems) -> bool:
    """Note what is wrong with the sections and the version of a document that is a mapping.

    Return whether its topology can be read at all.
    """
    data = document.data
    version = data.get("tosca_definitions_version")
    if not version:
        hint = f"Add 'tosca_definitions_version: {VERSIONS[0]}' at the top."
        problems.add("tosca", "The template does not say which TOSCA version it is written in.", document.at(), hint)
    elif version not in VERSIONS:
        hint = did_you_mean(str(version), VERSIONS)
        message = f"The TOSCA version '{version}' is not known here."
        problems.add("tosca", message, document.at("tosca_definitions_version"), hint)
    _check_keys(data, _TOP, (), document, problems)
    topology = data.get("topology_template")
    if not isinstance(topology, dict):
        if topology is not None or all(key in _TOP for key in data):  # else it may be the one that is misspelt
            problems.add("tosca", "The template has no topology_template.", document.at(), "Add 'topology_template:'.")
        return False
    _check_keys(topology, _TOPOLOGY, ("topology_template",), document, problems)
    readable = True
    for section in ("inputs", "node_templates", "outputs", "relationship_templates", "groups"):
        if not isinstance(topology.get(section), (dict, type(None))):
            problems.add("tosca", f"'{section}' must be a mapping.", document.at("topology_template", section))
            readable = False
    return readable


def check_own_types(document: Document, library: Library, problems: Problems) -> None:
    """Note unknown types in the types that a template declares itself: what they derive from, and their properties."""
    for section in SECTIONS:
        own = document.data.get(section)
        if not isinstance(own, (dict, type(None))):
            problems.add("tosca", f"'{section}' must be a mapping.", document.at(section))
            continue
        for name, body in (own or {}).items():
            path = (section, name)
            if not isinstance(body, dict):
                problems.add("tosca", f"The type '{name}' must be a mapping.", document.at(*path))
                continue
            base = body.get("derived_from")
            if base is not None and library.resolve(section, base) is None:
                _note_unknown(str(base), library.types[section], (*path, "derived_from"), document, problems)
            for key in ("properties", "attributes"):
                schemas = body.get(key)
                for item, schema in schemas.items() if isinstance(schemas, dict) else ():
                    check_schema(schema, (*path, key, item), document, library, problems)


def check_schema(schema: Any, path: Path, document: Document, library: Library, problems: Problems) -> None:
    """Note an unknown type in the declaration of a property or an input; `path` is its place."""
    if not isinstance(schema, dict):
        return
    _check_type(schema.get("type"), (*path, "type"), document, library, problems)
    entry = schema.get("entry_schema")
    if isinstance(entry, dict):
        _check_type(entry.get("type"), (*path, "entry_schema", "type"), document, library, problems)
    elif entry is not None:
        _check_type(entry, (*path, "entry_schema"), document, library, problems)


def _check_type(kind: Any, path: Path, document: Document, library: Library, problems: Problems) -> None:
    if (
        kind is None
        or (isinstance(kind, str) and kind in SIMPLE_TYPES)
        or library.resolve("data_types", kind) is not None
    ):
        return
    _note_unknown(str(kind), SIMPLE_TYPES | set(library.types["data_types"]), path, document, problems)


def _note_unknown(name: str, known: Any, path: Path, document: Document, problems: Problems) -> None:
    problems.add("unknown-type", f"Nobody declared the type '{name}'.", document.at(*path), did_you_mean(name, known))


def _check_keys(data: dict[Any, Any], known: set[str], path: Path, document: Document, problems: Problems) -> None:
    for key in data:
        if key not in known:
            owner = path[-1] if path else "template"
            hint = did_you_mean(str(key), known)
            problems.add("unknown-key", f"The {owner} has no section '{key}'.", document.at_key(*path, key), hint)

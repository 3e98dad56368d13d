# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of a template as a survey of AWX.

AWX is strict: texts have text defaults, numbers have numbers, limits are whole numbers, defaults are among the choices.
A default that would not come back as the same value is left out: without an answer the template's own default counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from .._deployment.model import ALONE
from .._errors import ChoiceError
from .._parse.answers import declared_inputs, variables_of
from .._parse.inputs import is_generated
from .._parse.library import Library
from .._parse.loader import Document
from .._parse.secret import is_secret_input
from .._parse.stack import metadata_of
from .._parse.structure import SIMPLE_TYPES
from .._parse.values import ValueMismatchError, convert

Question = dict[str, Any]
_NUMBERS = {"integer": "integer", "float": "float"}
_LONGEST_LABEL = 100
_LONGEST_NAME = 40
_ENCRYPTED = "$encrypted$"
_HOSTS = "tosca.nodes.Compute"
_HINTS = {
    "greater_or_equal": "At least {}.",
    "greater_than": "More than {}.",
    "less_or_equal": "At most {}.",
    "less_than": "Less than {}.",
    "pattern": "It must match {}.",
    "in_range": "From {0[0]} to {0[1]}.",
}


def survey(name: str, document: Document, library: Library, clouds: Iterable[str]) -> dict[str, Any]:
    """Return the survey of a template: the infrastructure, the cloud, and one question an input.

    `clouds` are those that the site has. Raises `ChoiceError` when none of them can have what the template asks for.
    """
    metadata, own = metadata_of(document), library.extended(document.data)
    declared = declared_inputs(document)
    variables = variables_of(declared)
    questions = [question(key, variables[key], declared[key], own, metadata) for key in declared]
    return {
        "name": str(metadata.get("display_name") or metadata.get("template_name") or name),
        "description": str(document.data.get("description") or "").strip(),
        "spec": [*where(fitting_clouds(name, document, own, clouds)), *questions],
    }


def where(clouds: list[str]) -> list[Question]:
    """Return the two questions that every job asks: which infrastructure, on which cloud."""
    return [
        {
            "question_name": "Infrastructure",
            "question_description": "Its name: lower case letters, digits and dashes, a letter first.",
            "variable": "infrastructure",
            "required": True,
            "type": "text",
            "min": 1,
            "max": _LONGEST_NAME,
        },
        {
            "question_name": "Cloud",
            "question_description": "Where it lives.",
            "variable": "cloud",
            "required": True,
            "type": "multiplechoice",
            "choices": clouds,
            "default": clouds[0],
        },
    ]


_HOST = {
    "question_name": "Hosts",
    "question_description": "Names, numbers or ids of hosts, with commas between them. Empty: all.",
    "variable": "host",
    "required": False,
    "type": "text",
}
_ONE_HOST = {**_HOST, "question_name": "Host", "question_description": "Its name, number or id.", "required": True}
_IMAGE = {
    "question_name": "Name of the image",
    "question_description": "Empty: made of the name of the host and the time.",
    "variable": "snapshot",
    "required": False,
    "type": "text",
}
PLAYBOOKS: dict[str, tuple[str, list[Question]]] = {
    "destroy": ("Remove an infrastructure and check that nothing is left", []),
    "start": ("Start hosts", [_HOST]),
    "stop": ("Stop hosts", [_HOST]),
    "reboot": ("Restart hosts", [_HOST]),
    "snapshot": ("Keep a host as an image", [_ONE_HOST, _IMAGE]),
}


def playbook_survey(playbook: str, clouds: list[str]) -> dict[str, Any]:
    """Return the survey of a playbook that works on what is there. Raises `ChoiceError`."""
    if playbook not in PLAYBOOKS:
        raise ChoiceError.of(f"The playbook '{playbook}' has no survey.", f"Known: {', '.join(PLAYBOOKS)}.")
    description, questions = PLAYBOOKS[playbook]
    return {"name": playbook, "description": description, "spec": [*where(clouds), *questions]}


def fitting_clouds(name: str, document: Document, library: Library, clouds: Iterable[str]) -> list[str]:
    """Return those of `clouds` that can have what the template asks for. Raises `ChoiceError` when there is none."""
    topology = document.data.get("topology_template") or {}
    nodes = topology.get("node_templates") or {}
    kinds = [node.get("type") for node in nodes.values() if isinstance(node, dict)]
    hosts = not kinds or any(library.derives("node_types", kind, _HOSTS) for kind in kinds)
    without = [cloud for cloud in ALONE if cloud != "static"]
    found = [cloud for cloud in clouds if (cloud not in without) == hosts]
    if not found:
        what = "hosts" if hosts else "no hosts"
        hint = "Name another cloud, or leave out this template."
        raise ChoiceError.of(f"The template '{name}' has {what}; none of the clouds can do this.", hint)
    return found


def question(name: str, variable: str, schema: dict[str, Any], library: Library, metadata: dict[str, Any]) -> Question:
    """Return the question for one input."""
    described = " ".join(str(schema.get("description") or "").split())
    label = described if 0 < len(described) <= _LONGEST_LABEL else str(name)
    more = [f"Input {name}." if label != str(name) else described, *_hints(schema)]
    required = bool(schema.get("required", True)) and schema.get("default") is None
    found: Question = {
        "question_name": label,
        "question_description": " ".join(text for text in more if text),
        "variable": variable,
        "required": required,
        **_form(name, schema, library, metadata, required),
    }
    if found["type"] != "password":
        found.update(_default(found, schema, library))
    return found


def _form(
    name: str, schema: dict[str, Any], library: Library, metadata: dict[str, Any], required: bool
) -> dict[str, Any]:
    """Return the type of a question, with its limits or choices."""
    kind = str(schema.get("type", "string"))
    choices = ["true", "false"] if kind == "boolean" else _choices(schema)
    if kind not in (*_NUMBERS, "boolean") and _is_secret(name, kind, schema, library, metadata):
        return {"type": "password"}
    if choices:
        empty = [] if required or schema.get("default") not in (None, "") or "" in choices else [""]
        return {"type": "multiplechoice", "choices": [*empty, *choices]}
    if kind in _NUMBERS:
        return {"type": _NUMBERS[kind], **_limits(schema)}
    if kind in ("list", "map", "range", "json") or kind not in SIMPLE_TYPES or "\n" in str(schema.get("default") or ""):
        return {"type": "textarea"}
    return {"type": "text", **(_lengths(schema, required) if kind == "string" else {})}


def _is_secret(name: str, kind: str, schema: dict[str, Any], library: Library, metadata: dict[str, Any]) -> bool:
    """True for inputs that are secret by name or form, and for data that has a secret inside."""
    if is_secret_input(str(name), metadata) or is_generated(schema):
        return True
    entry = schema.get("entry_schema")
    inner = entry.get("type") if isinstance(entry, dict) else entry
    for data_type in (kind, inner):
        full = library.resolve("data_types", data_type)
        if full and data_type not in SIMPLE_TYPES:
            inside = library.merged("data_types", full, "properties")
            if any(is_secret_input(str(item), {}) for item in inside):
                return True
    return False


def _constraints(schema: dict[str, Any]) -> list[tuple[str, Any]]:
    found = schema.get("constraints")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return [(str(name), limit) for item in items for name, limit in item.items()]


def _choices(schema: dict[str, Any]) -> list[str]:
    """Return the texts to choose from, [] where AWX could not tell them apart."""
    limits = [limit for name, limit in _constraints(schema) if name == "valid_values" and isinstance(limit, list)]
    if not limits or not all(isinstance(item, (str, int, float)) for item in limits[0]):
        return []
    texts = [str(item).lower() if isinstance(item, bool) else str(item) for item in limits[0]]
    plain = all(text == text.strip() and len(text.splitlines()) <= 1 for text in texts)
    return texts if plain and len(set(texts)) == len(texts) else []


def _limits(schema: dict[str, Any]) -> dict[str, int]:
    """Return the least and the most of a number, as the whole numbers that AWX wants. What is between is ours."""
    whole = schema.get("type") == "integer"
    low: list[float] = []
    high: list[float] = []
    for name, limit in _constraints(schema):
        ends = limit if name == "in_range" and isinstance(limit, list) and len(limit) == 2 else (limit, limit)
        step = 1 if whole and name in ("greater_than", "less_than") else 0
        if name in ("in_range", "greater_or_equal", "greater_than") and _is_number(ends[0]):
            low.append(ends[0] + step)
        if name in ("in_range", "less_or_equal", "less_than") and _is_number(ends[1]):
            high.append(ends[1] - step)
    found = {"min": math.floor(max(low))} if low else {}
    return {**found, **({"max": math.ceil(min(high))} if high else {})}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _lengths(schema: dict[str, Any], required: bool) -> dict[str, int]:
    """Return the limits of a text. AWX refuses empty answers that are too short: only required ones have a least."""
    found: dict[str, int] = {}
    for name, limit in _constraints(schema):
        if isinstance(limit, int) and not isinstance(limit, bool):
            if name in ("min_length", "length") and required:
                found["min"] = limit
            if name in ("max_length", "length"):
                found["max"] = limit
    return found


def _hints(schema: dict[str, Any]) -> list[str]:
    """What AWX cannot check is said."""
    kind = schema.get("type", "string")
    found = []
    for name, limit in _constraints(schema):
        ranged = name != "in_range" or (isinstance(limit, list) and len(limit) == 2)
        if name in _HINTS and kind not in _NUMBERS and ranged:
            found.append(_HINTS[name].format(limit))
    if kind in ("list", "map") or kind not in SIMPLE_TYPES:
        found.append("As JSON.")
    return found


def _default(found: Question, schema: dict[str, Any], library: Library) -> dict[str, Any]:
    """Return the default as AWX wants it, {} when there is none that would come back as the same value."""
    if schema.get("default") is None:
        return {}
    try:
        value = convert(schema["default"], schema, library)
        answer = _answer(value, found["type"])
        same = convert(answer, schema, library) == value
    except (ValueMismatchError, TypeError, ValueError):
        return {}
    refused = isinstance(answer, str) and answer.startswith(_ENCRYPTED)
    if not same or refused or answer == "" or answer not in found.get("choices", [answer]):
        return {}
    return {"default": answer}


def _answer(value: Any, kind: str) -> Any:
    if kind == "integer":
        return int(value)
    if kind == "float":
        return float(value)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value) if isinstance(value, (int, float)) else json.dumps(value)

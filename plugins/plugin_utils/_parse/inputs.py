# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inputs of a template: what was declared, what was given, the values that result."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._errors import ChoiceError, Problems, did_you_mean
from .answers import declared_inputs
from .library import Library
from .loader import Document
from .secret import Secret, is_secret_input
from .structure import check_schema
from .values import ValueMismatchError, convert


def read_given(value: Any, variable: str = "inputs") -> dict[str, Any]:
    """Return what a user gave as `variable`: a mapping, or JSON text as AWX surveys send it. Raises `ChoiceError`."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            hint = 'Write {"name": "value"}.'
            raise ChoiceError.of(f"'{variable}' is neither a mapping nor JSON text.", hint) from None
    if not isinstance(value, Mapping):
        raise ChoiceError.of(f"'{variable}' must be a mapping of names to values.", 'Write {"name": "value"}.')
    return {str(name): item for name, item in value.items()}


@dataclass(frozen=True)
class Generator:
    """Values that a template leaves to the engine: `random(N)` and `access_token()` as the default of an input.

    `random` returns the text of an input by its name and length, always the same for one infrastructure; `token` is
    the bearer token of the caller, "" without one.
    """

    random: Callable[[str, int], str] = lambda name, length: ("x" + name)[:length].ljust(length, "x")
    token: str = ""


_RANDOM = re.compile(r"^random\((\d{1,4})\)$")
_ACCESS_TOKEN = "access_token()"  # noqa: S105 (what a template writes)


def input_values(
    document: Document,
    given: Mapping[str, Any],
    library: Library,
    problems: Problems,
    generator: Generator,
    metadata: dict[str, Any],
) -> dict[str, Any]:
    """Return name -> value for every declared input: given values first, then defaults.

    Given texts that are secret are of type `Secret`. Unknown, ill-typed, missing and badly named inputs are noted in
    `problems`.
    """
    declared = declared_inputs(document)
    section = ("topology_template", "inputs")
    for name in given:
        if name not in declared:
            position = document.at_key(*section)
            problems.add(
                "unknown-input", f"The template has no input '{name}'.", position, did_you_mean(name, declared)
            )
    values: dict[str, Any] = {}
    for name, schema in declared.items():
        _check_declaration(name, schema, document, library, problems)
        values[name] = _value(name, schema, given, document, library, problems)
        generated = _generated(name, schema, given, document, problems, generator)
        if generated is not None:
            values[name] = Secret.of(generated, str(name))
        elif name in given and isinstance(values[name], str) and is_secret_input(str(name), metadata):
            values[name] = Secret.of(values[name], str(name))
    return values


def _generated(
    name: str,
    schema: dict[str, Any],
    given: Mapping[str, Any],
    document: Document,
    problems: Problems,
    generator: Generator,
) -> str | None:
    """Return the generated value of an input, None for an ordinary one."""
    default = schema.get("default")
    if name in given or not isinstance(default, str) or schema.get("type", "string") != "string":
        return None
    match = _RANDOM.match(default)
    if match:
        return generator.random(name, int(match.group(1)))
    if default != _ACCESS_TOKEN:
        return None
    if not generator.token:
        hint = "Set IM_ACCESS_TOKEN in the environment, or give the input a value."
        position = document.at_key("topology_template", "inputs", name)
        problems.add("missing-input", f"Input '{name}' wants your access token, and there is none.", position, hint)
    return generator.token


def is_generated(schema: Mapping[str, Any]) -> bool:
    """True when the template leaves the value of an input to the engine."""
    default = schema.get("default")
    return isinstance(default, str) and (default == _ACCESS_TOKEN or _RANDOM.match(default) is not None)


def _check_declaration(
    name: str, schema: dict[str, Any], document: Document, library: Library, problems: Problems
) -> None:
    path = ("topology_template", "inputs", name)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", str(name)):
        hint = "Use letters, digits and underscores."
        problems.add("bad-name", f"'{name}' cannot be the name of an input.", document.at_key(*path), hint)
    check_schema(schema, path, document, library, problems)


def _value(
    name: str,
    schema: dict[str, Any],
    given: Mapping[str, Any],
    document: Document,
    library: Library,
    problems: Problems,
) -> Any:
    path = ("topology_template", "inputs", name)
    if name in given:
        value, position, what = given[name], document.at_key(*path), f"Input '{name}'"
    elif "default" in schema:
        value, position, what = schema["default"], document.at(*path, "default"), f"The default of input '{name}'"
    elif schema.get("required", True):
        hint = f"Give it a value: inputs: {{{name}: ...}}. {schema.get('description') or ''}".strip()
        problems.add("missing-input", f"Input '{name}' is required.", document.at_key(*path), hint)
        return None
    else:
        return None
    if value is None and not schema.get("required", True):
        return None
    try:
        return convert(value, schema, library)
    except ValueMismatchError as problem:
        problems.add(problem.code, f"{what}: {problem}.", position, problem.hint)
        return None

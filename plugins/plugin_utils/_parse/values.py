# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check and convert values against a TOSCA schema: `type`, `entry_schema`, `constraints`."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Callable
from typing import Any

from .library import Library
from .units import UNITS, parse_scalar

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}


class ValueMismatchError(ValueError):
    """A value does not fit: `code` of the diagnostic, a sentence, a hint."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def convert(value: Any, schema: dict[str, Any], library: Library) -> Any:
    """Return `value` as the Python type that `schema` declares.

    Text is accepted for every type ("2", "true", JSON for lists and maps), since forms and AWX surveys send text.
    Raises `ValueMismatchError`.
    """
    kind = str(schema.get("type", "string"))
    converter = _CONVERTERS.get(kind)
    if converter is None and kind in UNITS:
        result: Any = _scalar_unit(value, kind)
    elif converter is None:
        result = _from_json(value)  # a data type: its inside is checked where it is used (ports, credentials)
    else:
        result = converter(value)
    if kind in ("list", "map") and schema.get("entry_schema"):
        result = _entries(result, schema["entry_schema"], library)
    check_constraints(result, schema)
    return result


def check_constraints(value: Any, schema: dict[str, Any]) -> None:
    """Raise `ValueMismatchError` when `value` (already converted) violates one of the constraints of `schema`."""
    kind = str(schema.get("type", "string"))
    constraints = schema.get("constraints") or []
    if not isinstance(constraints, list) or not all(isinstance(item, dict) for item in constraints):
        raise ValueMismatchError(
            "constraint", "its constraints are not a list of mappings", "Write [{valid_values: [1]}]."
        )
    for constraint in constraints:
        for name, limit in constraint.items():
            check = _CONSTRAINTS.get(name)
            if check is None:
                raise ValueMismatchError(
                    "constraint", f"'{name}' is not a constraint", f"Known: {', '.join(sorted(_CONSTRAINTS))}."
                )
            if not check(_comparable(value, kind), _comparable(limit, kind)):
                raise ValueMismatchError(
                    "constraint", f"'{value}' is not accepted", f"It must be {_WORDS[name]} {_shown(limit)}."
                )


def _entries(value: Any, entry_schema: Any, library: Library) -> Any:
    schema = entry_schema if isinstance(entry_schema, dict) else {"type": entry_schema}
    if library.resolve("data_types", schema.get("type")):
        return value
    if isinstance(value, dict):
        return {key: convert(item, schema, library) for key, item in value.items()}
    return [convert(item, schema, library) for item in value]


def _string(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        shown = str(value).lower() if isinstance(value, bool) else value
        raise ValueMismatchError("bad-type", f"a text is needed, not {_kind_of(value)} '{shown}'", "Put it in quotes.")
    return str(value)


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+\s*", value):
        return int(value)
    raise ValueMismatchError("bad-type", f"a whole number is needed, not {_kind_of(value)} '{value}'")


def _float(value: Any) -> float:
    try:
        if not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise ValueMismatchError("bad-type", f"a number is needed, not {_kind_of(value)} '{value}'")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueMismatchError("bad-type", f"true or false is needed, not {_kind_of(value)} '{value}'")


def _scalar_unit(value: Any, kind: str) -> str:
    try:
        parse_scalar(value, kind)
    except ValueError as error:
        raise ValueMismatchError(
            "bad-size", str(error), "Write for example '4 GiB'." if kind.endswith("size") else ""
        ) from None
    return str(value).strip()


def _list(value: Any) -> list[Any]:
    found = _from_json(value)
    if isinstance(found, list):
        return found
    raise ValueMismatchError("bad-type", f"a list is needed, not {_kind_of(value)}")


def _mapping(value: Any) -> Any:
    """PortSpec maps may also come as a list (profile, section 1.2)."""
    found = _from_json(value)
    if isinstance(found, (dict, list)):
        return found
    raise ValueMismatchError("bad-type", f"a map is needed, not {_kind_of(value)}")


def _version(value: Any) -> str:
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value)
    raise ValueMismatchError("bad-type", f"a version is needed, not {_kind_of(value)}")


def _timestamp(value: Any) -> str:
    if isinstance(value, (str, datetime.date)):
        return str(value)
    raise ValueMismatchError("bad-type", f"a date is needed, not {_kind_of(value)}")


def _from_json(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _kind_of(value: Any) -> str:
    names = {
        bool: "the boolean",
        int: "the number",
        float: "the number",
        str: "the text",
        dict: "a map",
        list: "a list",
    }
    return names.get(type(value), "a value" if value is not None else "nothing:")


def _comparable(value: Any, kind: str) -> Any:
    """Sizes and the like are compared by what they mean, not by how they are written."""
    if isinstance(value, list):
        return [_comparable(item, kind) for item in value]
    if kind in UNITS:
        try:
            return parse_scalar(value, kind)
        except ValueError:
            return value
    return value


def _compares(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def check(value: Any, limit: Any) -> bool:
        try:
            return test(value, limit)
        except (TypeError, ValueError, re.error):
            return False

    return check


def _in_range(value: Any, limit: Any) -> bool:
    low, high = limit
    return bool((low == "UNBOUNDED" or value >= low) and (high == "UNBOUNDED" or value <= high))


def _shown(limit: Any) -> str:
    return (
        ", ".join(repr(item) if item == "" else str(item) for item in limit) if isinstance(limit, list) else str(limit)
    )


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "list": _list,
    "map": _mapping,
    "range": _list,
    "version": _version,
    "timestamp": _timestamp,
    "json": lambda value: value,
}
_CONSTRAINTS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": _compares(lambda value, limit: value == limit),
    "valid_values": _compares(lambda value, limit: value in limit or str(value) in [str(item) for item in limit]),
    "greater_than": _compares(lambda value, limit: value > limit),
    "greater_or_equal": _compares(lambda value, limit: value >= limit),
    "less_than": _compares(lambda value, limit: value < limit),
    "less_or_equal": _compares(lambda value, limit: value <= limit),
    "in_range": _compares(_in_range),
    "length": _compares(lambda value, limit: len(value) == limit),
    "min_length": _compares(lambda value, limit: len(value) >= limit),
    "max_length": _compares(lambda value, limit: len(value) <= limit),
    "pattern": _compares(lambda value, limit: re.fullmatch(str(limit), str(value)) is not None),
}
_WORDS = {
    "equal": "equal to",
    "valid_values": "one of:",
    "greater_than": "greater than",
    "greater_or_equal": "at least",
    "less_than": "less than",
    "less_or_equal": "at most",
    "in_range": "in the range",
    "length": "of length",
    "min_length": "of a length of at least",
    "max_length": "of a length of at most",
    "pattern": "a text that matches",
}

"""Values against schemas: conversions, constraints, and messages that help."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._parse.library import Library
from ansible_collections.continuum.im.plugins.plugin_utils._parse.units import parse_scalar, parse_size
from ansible_collections.continuum.im.plugins.plugin_utils._parse.values import ValueMismatchError, convert


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("text", "string", "text"),
        (25, "string", "25"),
        ("2", "integer", 2),
        (" -3 ", "integer", -3),
        ("2.5", "float", 2.5),
        (2, "float", 2.0),
        ("yes", "boolean", True),
        ("False", "boolean", False),
        (True, "boolean", True),
        ("[1, 2]", "list", [1, 2]),
        ('{"a": 1}', "map", {"a": 1}),
        ([{"source": 80}], "map", [{"source": 80}]),
        ("4 GiB", "scalar-unit.size", "4 GiB"),
        (" 10 s", "scalar-unit.time", "10 s"),
        ("1.10", "version", "1.10"),
        (datetime.date(2026, 1, 2), "timestamp", "2026-01-02"),
        ({"source": 1}, "PortSpec", {"source": 1}),
    ],
)
def test_conversions(value: Any, kind: str, expected: Any, library: Library) -> None:
    result = convert(value, {"type": kind}, library)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "kind", "code"),
    [
        (22.10, "string", "bad-type"),
        (True, "string", "bad-type"),
        (None, "string", "bad-type"),
        ("two", "integer", "bad-type"),
        (True, "integer", "bad-type"),
        (1.5, "integer", "bad-type"),
        ([], "float", "bad-type"),
        (True, "float", "bad-type"),
        ("maybe", "boolean", "bad-type"),
        ("text", "list", "bad-type"),
        ("text", "map", "bad-type"),
        ("4", "scalar-unit.size", "bad-size"),
        (1024, "scalar-unit.size", "bad-size"),
        ("4 XB", "scalar-unit.size", "bad-size"),
        ([], "version", "bad-type"),
        (1, "timestamp", "bad-type"),
    ],
)
def test_values_that_do_not_fit(value: Any, kind: str, code: str, library: Library) -> None:
    with pytest.raises(ValueMismatchError) as caught:
        convert(value, {"type": kind}, library)
    assert caught.value.code == code


def test_entries_are_converted_too(library: Library) -> None:
    assert convert(["1", 2], {"type": "list", "entry_schema": {"type": "integer"}}, library) == [1, 2]
    assert convert({"a": "1"}, {"type": "map", "entry_schema": "integer"}, library) == {"a": 1}
    ports = {"ssh": {"source": 22}}
    assert convert(ports, {"type": "map", "entry_schema": {"type": "PortSpec"}}, library) == ports


@pytest.mark.parametrize(
    ("value", "kind", "constraint", "fits"),
    [
        (2, "integer", {"valid_values": [1, 2]}, True),
        (3, "integer", {"valid_values": [1, 2]}, False),
        ("1024 MiB", "scalar-unit.size", {"valid_values": ["1 GiB"]}, True),
        ("1 GB", "scalar-unit.size", {"greater_or_equal": "1 GiB"}, False),
        (5, "integer", {"in_range": [1, "UNBOUNDED"]}, True),
        (0, "integer", {"in_range": [1, 4]}, False),
        (1, "integer", {"greater_than": 0}, True),
        (1, "integer", {"less_than": 1}, False),
        (1, "integer", {"less_or_equal": 1}, True),
        ("abc", "string", {"length": 3}, True),
        ("abc", "string", {"min_length": 4}, False),
        ("abc", "string", {"max_length": 3}, True),
        ("ab1", "string", {"pattern": "[a-z]+"}, False),
        ("x", "string", {"equal": "x"}, True),
        ("x", "string", {"greater_than": 3}, False),
    ],
)
def test_constraints(value: Any, kind: str, constraint: dict[str, Any], fits: bool, library: Library) -> None:
    schema = {"type": kind, "constraints": [constraint]}
    if fits:
        assert convert(value, schema, library) == value
        return
    with pytest.raises(ValueMismatchError) as caught:
        convert(value, schema, library)
    assert caught.value.code == "constraint"
    assert caught.value.hint.startswith("It must be")


def test_an_unknown_constraint(library: Library) -> None:
    with pytest.raises(ValueMismatchError, match="'bigger' is not a constraint"):
        convert(1, {"type": "integer", "constraints": [{"bigger": 1}]}, library)


def test_sizes() -> None:
    assert parse_size("1 GB") == 10**9
    assert parse_size("1GiB") == 2**30
    assert parse_size("1.5 kB") == 1500
    assert parse_scalar("2 m", "scalar-unit.time") == 120
    assert parse_scalar("1 MHz", "scalar-unit.frequency") == 1e6
    with pytest.raises(ValueError, match="is not a number with a unit"):
        parse_scalar("1 x", "scalar-unit.time")
    with pytest.raises(ValueError, match="out of Hz, Khz"):
        parse_scalar({}, "scalar-unit.frequency")

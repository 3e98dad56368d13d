"""The mistakes people make, and what they are told: everything at once, with its place and a hint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import (
    CODES,
    ChoiceError,
    ContinuumError,
    Diagnostic,
    Position,
    TemplateError,
    did_you_mean,
)
from ansible_collections.continuum.im.plugins.plugin_utils._parse.inputs import read_given
from ansible_collections.continuum.im.plugins.plugin_utils._parse.library import Library
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import Source
from ansible_collections.continuum.im.plugins.plugin_utils._parse.template import parse
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

Read = Callable[..., Any]

# Positions count from the top of the file: the fixture puts two lines before the text and indents it by two.
CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("inputs: {n: {type: integer}}", {}, ["t.yaml:3:12: missing-input"]),
    ("inputs: {n: {type: integer, default: 1}}", {"m": 1}, ["t.yaml:3:3: unknown-input"]),
    ("inputs: {n: {type: integer, default: 1}}", {"n": "x"}, ["t.yaml:3:12: bad-type"]),
    ("inputs: {n: {type: integer, default: x}}", {}, ["t.yaml:3:40: bad-type"]),
    ("inputs: {n: {type: integr, default: 1}}", {}, ["t.yaml:3:22: unknown-type"]),
    ("inputs: {n: {default: 1, constraints: [{valid_values: [2]}]}}", {}, ["t.yaml:3:25: constraint"]),
    ("inputs: {'a b': {default: x}}", {}, ["t.yaml:3:12: bad-name"]),
    ("node_templates: {a: {type: tosca.nodes.indigo.Comput}}", {}, ["t.yaml:3:30: unknown-type"]),
    ("node_templates: {a: {properties: {}}}", {}, ["t.yaml:3:20: missing-value"]),
    ("node_templates: {'a b': {type: Compute}}", {}, ["t.yaml:3:20: bad-name"]),
    ("node_templates: {localhost: {type: Compute}}", {}, ["t.yaml:3:20: bad-name"]),
    ("node_templates: {im_x: {type: Compute}}", {}, ["t.yaml:3:20: bad-name"]),
    ("node_templates: {a: {type: Compute, properties: {colour: red}}}", {}, ["t.yaml:3:52: unknown-key"]),
    ("node_templates: {a: {type: Compute, capabilities: {hst: {}}}}", {}, ["t.yaml:3:54: unknown-key"]),
    ("node_templates: {a: {type: Compute, requirments: []}}", {}, ["t.yaml:3:39: unknown-key"]),
    (
        "node_templates: {a: {type: Compute, capabilities: {host: {properties: {mem: 1}}}}}",
        {},
        ["t.yaml:3:74: unknown-key"],
    ),
    (
        "node_templates: {a: {type: Compute, capabilities: {host: {properties: {mem_size: 4 XB}}}}}",
        {},
        ["t.yaml:3:84: bad-size"],
    ),
    ("node_templates: {a: {type: Compute, requirements: [{local_storge: b}]}}", {}, ["unknown-key", "unknown-node"]),
    ("node_templates: {a: {type: Compute, requirements: [{local_storage: b}]}}", {}, ["t.yaml:3:70: unknown-node"]),
    (
        "node_templates: {a: {type: Compute, requirements: [{dependency: {node: a, relationship: Nope}}]}}",
        {},
        ["t.yaml:3:67: unknown-type"],
    ),
    ("node_templates: {a: {type: SoftwareComponent}}", {}, ["t.yaml:3:20: missing-value"]),
    ("outputs: {o: {value: {get_input: x}}}", {}, ["t.yaml:3:36: unknown-input"]),
    ("node_templates: [a]", {}, ["t.yaml:3:19: tosca"]),
]


@pytest.mark.parametrize(("text", "given", "expected"), CASES, ids=[case[0][:60] for case in CASES])
def test_mistakes(read: Read, text: str, given: dict[str, Any], expected: list[str]) -> None:
    with pytest.raises(TemplateError) as caught:
        read(text, **given)
    found = [f"{item.position}: {item.code}" for item in caught.value.diagnostics]
    assert len(found) == len(expected), str(caught.value)
    for have, want in zip(found, expected, strict=True):
        assert have.endswith(want), str(caught.value)


def test_all_problems_are_told_at_once(read: Read) -> None:
    text = """
inputs: {n: {type: integer}}
node_templates:
  a: {type: Comput}
  b: {type: Compute, capabilities: {host: {properties: {mem_size: much}}}}
"""
    with pytest.raises(TemplateError) as caught:
        read(text, zz=1)
    assert [item.code for item in caught.value.diagnostics] == [
        "unknown-input",
        "missing-input",
        "unknown-type",
        "bad-size",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "t.yaml:1:1: A template is a mapping."),
        ("topology_template: {}", "t.yaml:1:1: The template does not say which TOSCA version"),
        ("tosca_definitions_version: tosca_simple_yaml_1_0", "The template has no topology_template."),
        ("tosca_definitions_version: tosca_9\ntopology_template: {}", "[tosca]"),
        (
            "tosca_definitions_version: tosca_simple_yaml_1_0\nimports: 1\ntopology_template: {}",
            "t.yaml:2:10: 'imports' must be a list.",
        ),
        (
            "tosca_definitions_version: tosca_simple_yaml_1_0\nimports: [a/other.yaml]\ntopology_template: {}",
            "t.yaml:2:11: The import 'a/other.yaml'",
        ),
    ],
)
def test_documents(text: str, expected: str, library: Library) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(Source(text, "t.yaml", "t"), {}, library)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "entry", ["custom_types.yaml", "{x: https://example.org/custom_types.yaml}", "{x: {file: a/custom_types.yaml}}"]
)
def test_imports_of_the_known_library_mean_ours(entry: str, library: Library) -> None:
    text = f"tosca_definitions_version: tosca_simple_yaml_1_0\nimports: [{entry}]\ntopology_template: {{}}"
    assert parse(Source(text, "t.yaml", "t"), {}, library).nodes == {}


def test_a_template_may_declare_types(library: Library) -> None:
    text = """
tosca_definitions_version: tosca_simple_yaml_1_0
node_types:
  my.Box: {derived_from: tosca.nodes.indigo.Compute}
topology_template: {node_templates: {a: {type: my.Box}}}
"""
    assert parse(Source(text, "t.yaml", "t"), {}, library).nodes["a"].type == "my.Box"


def test_given_inputs() -> None:
    assert read_given(None) == {}
    assert read_given('{"a": 1}') == {"a": 1}
    for bad in ("{", "[1]", 3):
        with pytest.raises(ChoiceError, match="inputs"):
            read_given(bad)


def test_did_you_mean() -> None:
    assert did_you_mean("wn_nun", ["wn_num", "other"]) == "Did you mean 'wn_num'?"
    assert did_you_mean("zzz", ["a", "b"]) == "Known: a, b."
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("zzz", [str(number) for number in range(20)]).endswith(", ....")


def test_a_diagnostic_shows_place_code_and_hint() -> None:
    item = Diagnostic("yaml", "Wrong.", Position("f", 1, 2), "Do it right.")
    assert str(item) == "f:1:2: Wrong. [yaml]\n    Hint: Do it right."
    with pytest.raises(ValueError, match="undocumented"):
        Diagnostic("nope", "x")
    assert all(CODES.values())


ALL_STAGES = """tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs: {a: {type: string}}
  node_templates:
    x: {type: tosca.nodes.indigo.Computer}
    y:
      type: tosca.nodes.indigo.Compute
      capabilities:
        endpoint: {properties: {network_name: PUBLIC, ports: {web: {source: 70000}}}}
      requirements: [{host: x}, {host: nobody}]
"""


def test_choices_inputs_types_and_topology_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(ALL_STAGES)
    chosen = {"cloud": "lokal", "infrastructure": "A_b", "inputs": {"b": 1}, "sizes": "{"}
    with pytest.raises(ContinuumError) as caught:
        translate("t.yaml", chosen, str(tmp_path), Home(str(tmp_path)))
    found = [item.code for item in caught.value.diagnostics]
    expected = ["bad-choice"] * 3 + ["missing-input", "unknown-input", "unknown-type", "bad-port", "unknown-node"]
    assert sorted(found) == sorted([*expected, "unknown-key", "unknown-key"])

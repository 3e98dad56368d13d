# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is written: our own errors or a project, never another exception, and never a play that nobody asked for."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._describe.picture import picture
from ansible_collections.continuum.im.plugins.plugin_utils._describe.text import describe, table
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, World, fetch_recipes, translate
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.unit
WHOLE = yaml.safe_load((Path(__file__).parent / "data" / "whole.yaml").read_text())
STUB = b"- {hosts: localhost, tasks: [{name: Say it, ansible.builtin.debug: {msg: ok}}]}"
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
WORDS = st.sampled_from(
    [
        *(
            "SELF",
            "HOST",
            "front",
            "app",
            "tosca.nodes.indigo.Compute",
            "host",
            "{{ lookup('pipe', 'id') }}",
            "!vault x",
        ),
        *(
            "get_input",
            "get_property",
            "get_attribute",
            "concat",
            "1 GB",
            "PUBLIC",
            "im_x",
            "../x.yml",
            "a\nb",
            "#jinja2:",
        ),
    ]
)
VALUES = st.recursive(
    PLAIN | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(WORDS | st.text(max_size=6), inner, max_size=3)
        | st.builds(lambda name, value: {name: value}, WORDS, inner)
    ),
    max_leaves=6,
)
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places(item, (*path, key)))]


PLACES = [place for place in places(WHOLE) if place]


def changed(place: tuple[Any, ...], value: Any, rename: bool) -> dict[str, Any]:
    """The whole template with another value, or another key, at one place."""
    data: Any = copy.deepcopy(WHOLE)
    parent = data
    for key in place[:-1]:
        parent = parent[key]
    if rename and isinstance(parent, dict):
        parent[str(value)] = parent.pop(place[-1])
    else:
        parent[place[-1]] = value
    return data  # type: ignore[no-any-return]


def translated(text: str, inputs: dict[str, Any], folder: Path) -> None:
    """Translate; check what comes out, if something does."""
    (folder / "t.yaml").write_text(text, encoding="utf-8")
    world = World(str(folder), Home(str(folder)), {}, lambda _url, _most: STUB)
    try:
        found = translate("t.yaml", {"inputs": inputs}, str(folder), world.home, world)
        files = render(found, *fetch_recipes(found, world))
    except ContinuumError as error:
        internal = [item for item in error.diagnostics if item.code == "internal"]
        if internal:
            pytest.fail(f"{internal[0]} ({error.__cause__!r})")
        return
    described = describe(found.topology)
    assert table(described) is not None
    assert picture(described).endswith("</svg>\n")
    for name, content in files.items():
        if name.endswith(".yml") and isinstance(content, str):
            check_yaml(content)


def check_yaml(text: str) -> None:
    """Only the plays we write are there, and no text of the template can be an expression."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for scalar in scalars(node):
        if "lookup('pipe'" in scalar.value:
            assert scalar.tag == "!unsafe", text
    if isinstance(node, yaml.SequenceNode):
        for play in node.value:
            keys = {key.value for key, _value in play.value}
            assert keys <= {
                *("name", "hosts", "connection", "gather_facts", "become", "vars", "vars_files", "tasks", "roles"),
                *("ansible.builtin.import_playbook", "pre_tasks", "handlers"),
            }, text


def scalars(node: yaml.Node | None) -> list[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        return [node]
    found: list[yaml.ScalarNode] = []
    for item in node.value if node is not None else []:
        for part in item if isinstance(item, tuple) else (item,):
            found += scalars(part)
    return found


FRONT = ("topology_template", "node_templates", "front", "capabilities")


@SETTINGS
@example((*FRONT, "endpoint", "properties", "additional_dns_names"), 1, False)
@given(st.sampled_from(PLACES), VALUES, st.booleans())
def test_one_place_with_anything(tmp_path: Path, place: tuple[Any, ...], value: Any, rename: bool) -> None:
    translated(yaml.safe_dump(changed(place, value, rename), sort_keys=False), {}, tmp_path)


@SETTINGS
@given(st.dictionaries(st.sampled_from(list(WHOLE["topology_template"]["inputs"])), VALUES, max_size=4))
def test_any_inputs(tmp_path: Path, inputs: dict[str, Any]) -> None:
    translated(yaml.safe_dump(WHOLE, sort_keys=False), inputs, tmp_path)


@SETTINGS
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_any_text(tmp_path: Path, text: str) -> None:
    translated(text, {}, tmp_path)


@SETTINGS
@given(VALUES)
def test_any_topology(tmp_path: Path, value: Any) -> None:
    head = {"tosca_definitions_version": "tosca_simple_yaml_1_0", "topology_template": {"node_templates": value}}
    translated(yaml.safe_dump(head), {}, tmp_path)

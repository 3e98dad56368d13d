# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add-ons on their parents, links and overlays: what the whole is, and that every value knows its own file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import read_references
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

pytestmark = pytest.mark.unit
BASE = """tosca_definitions_version: tosca_simple_yaml_1_0
metadata: {template_name: Base, childs: [listed.yaml], tabs: {Base: b_.*}}
topology_template:
  inputs: {b_count: {type: integer, default: 1}, b_name: {type: string, default: fe}}
  node_templates:
    front:
      type: tosca.nodes.indigo.Compute
      properties: {instance_name: {get_input: b_name}}
      capabilities: {scalable: {properties: {count: {get_input: b_count}}}}
  outputs: {ip: {value: {get_attribute: [front, private_address, 0]}}}
"""
CHILD = """tosca_definitions_version: tosca_simple_yaml_1_0
imports: [{mine: types.yaml}]
metadata: {parents: [base.yaml], tabs: {Child: c_.*}}
node_types:
  my.Box: {derived_from: tosca.nodes.indigo.Compute}
topology_template:
  inputs: {b_count: {type: integer, default: 3}, c_text: {type: string, default: x}}
  node_templates:
    box: {type: my.Box}
    far: {type: my.Far}
  policies:
    - here: {type: tosca.policies.indigo.Placement, targets: [box], properties: {cloud_id: mine}}
  outputs: {text: {value: {get_input: c_text}}}
"""
TYPES = """tosca_definitions_version: tosca_simple_yaml_1_0
node_types: {my.Far: {derived_from: tosca.nodes.indigo.Compute}}
"""
LISTED = CHILD.replace("parents: [base.yaml], ", "")
LINK = """tosca_definitions_version: tosca_simple_yaml_1_0
metadata: {link: {parent: base.yaml, childs: [child.yaml]}}
topology_template: {}
"""
OVERLAY = """tosca_definitions_version: tosca_simple_yaml_1_0
imports: [{template_file: base.yaml}]
topology_template:
  inputs: {b_count: 5, b_name: {default: other}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {"base": BASE, "child": CHILD, "types": TYPES, "listed": LISTED, "link": LINK, "overlay": OVERLAY}
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def deploy(folder: Path, template: Any, **inputs: Any) -> Deployment:
    return translate(template, {"inputs": inputs}, str(folder), Home(str(folder / "home")))


def problems(folder: Path, template: Any, **inputs: Any) -> list[str]:
    with pytest.raises(ContinuumError) as caught:
        deploy(folder, template, **inputs)
    return [f"{item.position}: {item.message}" for item in caught.value.diagnostics]


def test_nothing_of_an_add_on_is_dropped(folder: Path) -> None:
    found = deploy(folder, ["base.yaml", "child.yaml"])
    topology = found.topology
    assert found.choices.infrastructure == "base-child"
    assert {group.node: group.count for group in topology.groups} == {"front": 3, "box": 1, "far": 1}
    assert topology.group("box").cloud_id == "mine"
    assert list(topology.outputs) == ["ip", "text"]


def test_the_order_of_the_names_does_not_matter_for_the_base(folder: Path) -> None:
    assert deploy(folder, ["child.yaml", "base.yaml"]).topology.group("front").count == 3


@pytest.mark.parametrize(
    "text", ["[base.yaml, child.yaml]", '["base.yaml","child.yaml"]', "base.yaml,child.yaml", "base, child"]
)
def test_names_as_text(folder: Path, text: str) -> None:
    assert len(deploy(folder, text).topology.groups) == 3


def test_references_are_never_empty_and_never_endless() -> None:
    assert read_references(None) == [""]
    assert read_references([]) == [""]
    assert read_references("[a: [") == ["[a: ["]
    assert len(read_references(["a"] * 100)) == 20


def test_an_add_on_alone_says_which_parents_it_wants(folder: Path) -> None:
    assert problems(folder, "child.yaml") == [f"{folder}/child.yaml:3:21: 'child' is an add-on; it needs one of: base."]


def test_a_parent_may_name_its_add_ons(folder: Path) -> None:
    assert len(deploy(folder, ["base.yaml", "listed.yaml"]).topology.groups) == 3


def test_two_bases_do_not_fit(folder: Path) -> None:
    (folder / "second.yaml").write_text(BASE)
    assert "'second' is not an add-on of base." in problems(folder, ["base.yaml", "second.yaml"])[0]


def test_a_link_is_its_parent_and_its_add_ons(folder: Path) -> None:
    found = deploy(folder, "link.yaml")
    assert found.choices.infrastructure == "link"
    assert len(found.topology.groups) == 3


def test_links_in_a_circle(folder: Path) -> None:
    (folder / "a.yaml").write_text(LINK.replace("parent: base.yaml, childs: [child.yaml]", "parent: a.yaml"))
    assert "refer to each other in a circle" in problems(folder, "a.yaml")[0]


def test_an_overlay_gives_new_defaults(folder: Path) -> None:
    found = deploy(folder, "overlay.yaml")
    assert (found.topology.group("front").count, found.topology.group("front").instance_name) == (5, "other")
    assert deploy(folder, "overlay.yaml", b_count=2).topology.group("front").count == 2


def test_problems_are_told_in_the_file_they_stand_in(folder: Path) -> None:
    (folder / "child.yaml").write_text(CHILD.replace("my.Far}", "my.Fer}"))
    (folder / "base.yaml").write_text(BASE.replace("instance_name:", "instance_nam:"))
    assert problems(folder, ["base.yaml", "child.yaml"]) == [
        f"{folder}/base.yaml:8:20: Node 'front' has no property 'instance_nam'.",
        f"{folder}/child.yaml:10:17: Nobody declared the type 'my.Fer'.",
    ]


@pytest.mark.parametrize("file", ["../types.yaml", "/etc/passwd", "https://example.org/types.yaml", "nothing.yaml"])
def test_imports_from_elsewhere_are_refused(folder: Path, file: str) -> None:
    (folder / "in").mkdir()
    text = BASE.replace("metadata:", f"imports: [{{a: {file}}}]\nmetadata:")
    (folder / "in" / "t.yaml").write_text(text)
    assert problems(folder, "in/t.yaml") == [f"{folder}/in/t.yaml:2:11: The import '{file}' cannot be had."]


def test_a_mirror_and_a_prefix(folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / "home" / "site.yml").write_text(f"mirrors: {{'https://example.org/': {folder}}}")
    entry = "{file: 'https://example.org/types.yaml', namespace_prefix: p}"
    text = BASE.replace("metadata:", f"imports: [{entry}]\nmetadata:").replace("tosca.nodes.indigo.Compute", "p.my.Far")
    (folder / "t.yaml").write_text(text)
    assert deploy(folder, "t.yaml").topology.group("front").count == 1


def test_our_library_under_a_prefix(folder: Path) -> None:
    entry = "{file: custom_types.yaml, namespace_prefix: im}"
    text = BASE.replace("metadata:", f"imports: [{entry}]\nmetadata:")
    (folder / "t.yaml").write_text(text.replace("tosca.nodes.indigo", "im.tosca.nodes.indigo"))
    assert deploy(folder, "t.yaml").topology.group("front").count == 1

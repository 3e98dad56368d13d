# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The type library: tosca-parser reads it, and it declares all types of the profile."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from toscaparser.common.exception import ExceptionCollector
from toscaparser.tosca_template import ToscaTemplate

from type_library import CATALOGUE, LIBRARY, NAMES, ROOT, SECTIONS, library, normative, read_with_parser

# Named by a property that is not used, and declared by nobody (profile, section 5.3).
UNDECLARED = {"tosca.datatypes.indigo.User"}
SIMPLE = {"string", "integer", "float", "boolean", "list", "map", "version", "timestamp", "range", "PortSpec"}

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_file_is_a_short_tosca_document(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 300
    assert yaml.safe_load(path.read_text())["tosca_definitions_version"] == "tosca_simple_yaml_1_0"


@pytest.mark.parametrize("section", SECTIONS)
def test_all_types_of_the_profile_are_declared(section: str) -> None:
    assert set(NAMES[section]) <= set(library()[section])


@pytest.mark.parametrize("section", SECTIONS)
def test_every_type_is_described_and_has_a_known_parent(section: str) -> None:
    for name, body in library()[section].items():
        assert body["derived_from"] in {*library()[section], *normative(section)}, name
        if not name.startswith("tosca.capabilities.indigo.LRMS."):
            assert body.get("description"), f"{name} has no description"


@pytest.mark.parametrize("name", sorted(library()["node_types"]))
def test_what_a_node_type_names_exists(name: str) -> None:
    body = library()["node_types"][name]
    for requirement in body.get("requirements", []):
        (content,) = requirement.values()
        for key, section in (
            ("node", "node_types"),
            ("capability", "capability_types"),
            ("relationship", "relationship_types"),
        ):
            assert content[key] in {*library()[section], *normative(section)}
    for capability in body.get("capabilities", {}).values():
        assert capability["type"] in {*library()["capability_types"], *normative("capability_types")}
    for artifact in body.get("artifacts", {}).values():
        assert artifact["type"] in library()["artifact_types"]


def test_properties_have_known_data_types() -> None:
    known = {*SIMPLE, *UNDECLARED, *library()["data_types"], *normative("data_types")}
    for section in SECTIONS:
        for name, body in library()[section].items():
            for key, schema in {**body.get("properties", {}), **body.get("attributes", {})}.items():
                kinds = {schema["type"], schema.get("entry_schema", {}).get("type", "string")}
                unknown = {kind for kind in kinds - known if not kind.startswith("scalar-unit.")}
                assert not unknown, f"{name}.{key}: {unknown}"


def test_our_operations_name_roles_of_this_collection() -> None:
    """A path to a playbook stands for software that is not ours yet; everything else is one of our roles."""
    for name, body in library()["node_types"].items():
        for interface in body.get("interfaces", {}).values():
            for operation in interface.values():
                implementation = operation["implementation"]
                if implementation.endswith((".yml", ".yaml")):
                    continue
                role, *entries = implementation.removeprefix("continuum.im.").split("/")
                specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
                options = specs["argument_specs"][entries[0] if entries else "main"]["options"]
                assert set(operation.get("inputs", {})) <= set(options), f"{name}: {implementation}"


def test_the_parser_reads_every_node_type() -> None:
    """One node template of each type, with what the type requires."""
    nodes: dict[str, Any] = {}
    for name in library()["node_types"]:
        node: dict[str, Any] = {"type": name}
        given = {
            key: value
            for key, schema in properties_of(name).items()
            if "default" not in schema
            and schema.get("required", True)
            and (value := example(schema["type"])) is not None
        }
        if given:
            node["properties"] = given
        nodes[node_name(name)] = node
    for name in library()["node_types"]:
        targets = [{key: node_name(target)} for key, target in targets_of(name)]
        if targets:
            nodes[node_name(name)]["requirements"] = targets
    document = {"tosca_definitions_version": "tosca_simple_yaml_1_0", **copy.deepcopy(library())}
    nodes["plain"] = {"type": "tosca.nodes.Compute"}
    document["topology_template"] = {"node_templates": nodes}
    try:
        template = ToscaTemplate(yaml_dict_tpl=document)
    finally:
        ExceptionCollector.stop()
    assert len(template.nodetemplates) == len(library()["node_types"]) + 1
    slurm = next(node for node in template.nodetemplates if node.name == "LRMS_FrontEnd_Slurm")
    interfaces = slurm.type_definition.interfaces
    assert interfaces["Standard"]["configure"]["implementation"] == "continuum.im.slurm_controller"
    assert interfaces["Configure"]["remove_target"]["implementation"] == "continuum.im.slurm_controller/drain"


@pytest.mark.parametrize("path", sorted(CATALOGUE.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_catalogue_is_valid(path: Path) -> None:
    template = read_with_parser(path)
    document = yaml.safe_load(path.read_text())
    assert {"template_name", "template_version", "display_name", "tabs"} <= set(document["metadata"])
    for name, body in document["topology_template"]["inputs"].items():
        assert body.get("description"), f"input {name} has no description"
        assert "default" in body, f"input {name} has no default"
    assert template.nodetemplates


def chain(name: str) -> list[str]:
    result = []
    types = {**normative("node_types"), **library()["node_types"]}
    while name in types:
        result.append(name)
        name = types[name].get("derived_from", "")
    return result


def properties_of(name: str) -> dict[str, Any]:
    types = {**normative("node_types"), **library()["node_types"]}
    found: dict[str, Any] = {}
    for ancestor in reversed(chain(name)):
        found.update(types[ancestor].get("properties") or {})
    return found


def targets_of(name: str) -> list[tuple[str, str]]:
    """Requirements that a node of this type must have, with a type that meets each."""
    types = {**normative("node_types"), **library()["node_types"]}
    found: dict[str, str] = {}
    for ancestor in reversed(chain(name)):
        for entry in types[ancestor].get("requirements") or []:
            ((key, content),) = entry.items()
            if content.get("occurrences", [1])[0]:
                found[key] = content["node"]
    return list(found.items())


def node_name(type_name: str) -> str:
    if type_name == "tosca.nodes.Compute":
        return "plain"
    return type_name.removeprefix("tosca.nodes.").removeprefix("indigo.").replace(".", "_")


def example(kind: str) -> Any:
    examples: dict[str, Any] = {
        "string": "text",
        "list": [],
        "map": {},
        "integer": 1,
        "scalar-unit.size": "1 GB",
        "tosca.datatypes.Credential": {"token": "secret", "token_type": "password"},
    }
    return examples.get(kind, "text")

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The type library: tosca-parser reads it, and it declares what templates of the existing catalogue use."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import pytest
import yaml
from toscaparser.common.exception import ExceptionCollector
from toscaparser.elements.entity_type import EntityType
from toscaparser.tosca_template import ToscaTemplate

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "playbooks" / "tosca" / "types"
CATALOGUE = ROOT / "playbooks" / "tosca" / "templates"
CORPUS = ROOT.parent / "shared" / "corpus"
SECTIONS = (
    "node_types",
    "capability_types",
    "relationship_types",
    "data_types",
    "artifact_types",
    "policy_types",
)
NAMES = yaml.safe_load((Path(__file__).parent / "names.yaml").read_text())

# (type, property): why the default is not the one of the existing catalogue.
OTHER_DEFAULTS = {
    ("tosca.nodes.indigo.LRMS.FrontEnd.Slurm", "version"): "the distribution's version needs no other package source",
    ("tosca.nodes.indigo.LRMS.WorkerNode.Slurm", "version"): "as on the front end",
    ("tosca.nodes.ec3.ElasticCluster", "config_options"): "the defaults belong to the role that will read them",
}
# Named by a property that is not used, and declared by nobody (profile, section 5.3).
UNDECLARED = {"tosca.datatypes.indigo.User"}
SIMPLE = {"string", "integer", "float", "boolean", "list", "map", "version", "timestamp", "range", "PortSpec"}

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the corpus of existing templates is not beside this checkout"
)
pytestmark = pytest.mark.unit


@functools.cache
def library() -> dict[str, dict[str, Any]]:
    types: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for path in sorted(LIBRARY.glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        assert set(document) <= {"tosca_definitions_version", *SECTIONS}, path.name
        for section in SECTIONS:
            found = document.get(section, {})
            assert not set(found) & set(types[section]), f"{path.name} declares a type again"
            types[section].update(found)
    return types


def normative(section: str) -> dict[str, Any]:
    found: dict[str, Any] = EntityType.TOSCA_DEF_LOAD_AS_IS.get(section) or {}
    return found


def read_with_parser(*templates: Path) -> ToscaTemplate:
    """Merge templates as the dashboard does (the later wins, entry by entry) and read them with our types."""
    merged: dict[str, Any] = copy.deepcopy(library())
    merged["tosca_definitions_version"] = "tosca_simple_yaml_1_0"
    topology: dict[str, dict[str, Any]] = {"inputs": {}, "node_templates": {}, "outputs": {}}
    for path in templates:
        document = yaml.safe_load(path.read_text())["topology_template"]
        for section, content in topology.items():
            content.update(document.get(section) or {})
    merged["topology_template"] = topology
    try:
        return ToscaTemplate(yaml_dict_tpl=merged)
    finally:
        ExceptionCollector.stop()


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


# An add-on of the corpus and the templates below it, as metadata.parents / childs say.
PARENTS = {
    "simple-node-disk.yml": [
        "ansible_tasks.yml",
        "dataset.yaml",
        "docker.yaml",
        "galaxy.yaml",
        "minio_compose.yaml",
        "mlflowvm.yaml",
        "proxy_host.yaml",
        "ssh_keys.yml",
        "stac_vm.yaml",
        "users.yml",
        "wget.yml",
    ],
    "slurm_cluster.yml": [
        "apptainer_cluster.yaml",
        "docker_cluster.yaml",
        "dtgeo_tools.yaml",
        "proxy_host_cluster.yaml",
        "slurm_elastic.yaml",
        "slurm_galaxy.yml",
    ],
    "hadoop_cluster.yaml": ["spark_hadoop.yaml"],
    "oscar.yaml": ["kafka.yaml", "nifi.yaml", "oscar_elastic.yaml", "oscar_function.yaml"],
    "faas_function.yaml": [],
    "galaxy_vm.yaml": [],
    "horovod_cluster.yml": [],
    "k8s_app.yaml": [],
    "k8s_kubeflow.yaml": [],
    "nomad.yaml": [],
}
# tosca-parser 2.15.0 refuses `get_attribute: [HOST, capability, attribute]`, which kubernetes.yaml uses (profile,
# section 5.1), so its add-ons are not read here; the translator reads them.
REFUSED = {
    "kubernetes.yaml",
    "airflow.yaml",
    "helm.yaml",
    "influxdb.yaml",
    "jupyterhub.yml",
    "k8s_new_wn_type.yaml",
    "kubeflow.yaml",
    "kubernetes_elastic.yaml",
}
# Passes an integer where a size is wanted (profile, section 4).
DEFECT = "glusterfs.yml"


@needs_corpus
@pytest.mark.parametrize("parent", sorted(PARENTS))
def test_existing_templates_are_valid_with_our_types(parent: str) -> None:
    folder = CORPUS / "templates"
    assert read_with_parser(folder / parent).nodetemplates is not None
    for child in PARENTS[parent]:
        assert read_with_parser(folder / parent, folder / child).nodetemplates is not None, child


@needs_corpus
def test_every_existing_template_is_accounted_for() -> None:
    tried = {*PARENTS, *(child for children in PARENTS.values() for child in children), *REFUSED, DEFECT}
    assert {path.name for path in (CORPUS / "templates").iterdir()} <= tried


@needs_corpus
@pytest.mark.parametrize("section", SECTIONS)
def test_our_types_have_what_the_existing_ones_have(section: str) -> None:
    theirs = yaml.safe_load((CORPUS / "custom_types.yaml").read_text()).get(section, {})
    assert set(theirs) == set(NAMES[section])
    for name, body in theirs.items():
        ours = library()[section][name]
        assert ours["derived_from"] == body["derived_from"], name
        for key in ("properties", "attributes", "capabilities"):
            assert set(body.get(key, {})) <= set(ours.get(key, {})), f"{key} of {name}"
        assert requirement_names(body) == requirement_names(ours), name
        for key, capability in body.get("capabilities", {}).items():
            assert ours["capabilities"][key]["type"] == capability["type"], f"{name}.{key}"
        for key, schema in {**body.get("properties", {}), **body.get("attributes", {})}.items():
            mine = {**ours.get("properties", {}), **ours.get("attributes", {})}[key]
            assert mine["type"] == schema["type"], f"{name}.{key}"
            assert entry_type(mine) == entry_type(schema), f"{name}.{key}"
            assert mine.get("constraints") == schema.get("constraints"), f"{name}.{key}"
            assert needed(mine) == needed(schema), f"{name}.{key}"
            if (name, key) not in OTHER_DEFAULTS:
                assert mine.get("default") == schema.get("default"), f"{name}.{key}"


@needs_corpus
def test_software_that_is_not_ours_yet_gets_the_inputs_that_its_recipe_reads() -> None:
    theirs = yaml.safe_load((CORPUS / "custom_types.yaml").read_text())["node_types"]
    for name, body in theirs.items():
        for interface, operations in body.get("interfaces", {}).items():
            for operation, content in operations.items():
                ours = library()["node_types"][name]["interfaces"][interface][operation]
                if not ours["implementation"].startswith("continuum.im."):
                    assert content["implementation"].endswith("/artifacts/" + ours["implementation"]), name
                    assert ours.get("inputs", {}) == (content.get("inputs") or {}), name
                    assert files(library()["node_types"][name]) == files(body), name


def requirement_names(body: dict[str, Any]) -> list[str]:
    return [name for entry in body.get("requirements", []) for name in entry]


def files(body: dict[str, Any]) -> set[str]:
    return {artifact["file"] for artifact in body.get("artifacts", {}).values()}


def entry_type(schema: dict[str, Any]) -> str | None:
    found: str | None = schema.get("entry_schema", {}).get("type")
    return found


def needed(schema: dict[str, Any]) -> bool:
    return bool(schema.get("required", True)) and "default" not in schema and "value" not in schema


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

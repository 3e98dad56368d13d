# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates of the existing catalogue are valid with our types, and find in them what they use.

They are not part of this repository: without `../shared/corpus` these tests are skipped.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from type_library import CORPUS, NAMES, SECTIONS, library, read_with_parser

# (type, property): why the default is not the one of the existing catalogue.
OTHER_DEFAULTS = {
    ("tosca.nodes.indigo.LRMS.FrontEnd.Slurm", "version"): "the distribution's version needs no other package source",
    ("tosca.nodes.indigo.LRMS.WorkerNode.Slurm", "version"): "as on the front end",
    ("tosca.nodes.ec3.ElasticCluster", "config_options"): "the defaults belong to the role that will read them",
}

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of existing templates is not beside this checkout"),
]

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


@pytest.mark.parametrize("parent", sorted(PARENTS))
def test_existing_templates_are_valid_with_our_types(parent: str) -> None:
    folder = CORPUS / "templates"
    assert read_with_parser(folder / parent).nodetemplates is not None
    for child in PARENTS[parent]:
        assert read_with_parser(folder / parent, folder / child).nodetemplates is not None, child


def test_every_existing_template_is_accounted_for() -> None:
    tried = {*PARENTS, *(child for children in PARENTS.values() for child in children), *REFUSED, DEFECT}
    assert {path.name for path in (CORPUS / "templates").iterdir()} <= tried


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

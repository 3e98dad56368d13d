# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The type library as plain data, and templates read with it by tosca-parser."""

from __future__ import annotations

import copy
import functools
from pathlib import Path
from typing import Any

import yaml
from toscaparser.common.exception import ExceptionCollector
from toscaparser.elements.entity_type import EntityType
from toscaparser.tosca_template import ToscaTemplate

ROOT = Path(__file__).parents[2]
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
# Every type that templates of the existing catalogue may use.
NAMES: dict[str, list[str]] = yaml.safe_load((ROOT / "tests" / "unit" / "types" / "names.yaml").read_text())


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

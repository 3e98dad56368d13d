# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Surveys of AWX: every one is accepted, and what people answer comes back as the right inputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible_collections.continuum.im.plugins.lookup.awx_survey import LookupModule
from ansible_collections.continuum.im.plugins.plugin_utils._describe.survey import PLAYBOOKS, survey
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ChoiceError, ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.answers import answered_inputs, variables_of
from ansible_collections.continuum.im.plugins.plugin_utils._parse.library import Library
from ansible_collections.continuum.im.plugins.plugin_utils._parse.loader import Document, load
from ansible_collections.continuum.im.plugins.plugin_utils._parse.template import read_template
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (
    CATALOGUE,
    COLLECTION,
    Home,
    World,
    read_extra_variables,
    template_survey,
    translate,
)

from awx_rules import answer_problems, job_variables, survey_problems

pytestmark = pytest.mark.unit
OWN = sorted(Path(CATALOGUE).glob("*.yaml"))
_SHARED = Path(COLLECTION).parent / "shared" / "corpus" / "templates"
CORPUS = sorted(path for path in _SHARED.glob("*.y*ml")) if _SHARED.is_dir() else []
CLOUDS = ["aws", "openstack", "lambda"]
HEADER = "tosca_definitions_version: tosca_simple_yaml_1_0\n"
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(str(tmp_path), Home(str(tmp_path)), {}, dry=True)


@pytest.fixture
def ask(library: Library) -> Ask:
    """Return the question for one input."""

    def run(text: str, name: str = "item") -> dict[str, Any]:
        document = load(HEADER + f"topology_template: {{inputs: {{{name}: {{{text}}}}}}}\n", "t.yaml")
        found = survey("t", document, library, ["aws"])
        assert survey_problems(found) == []
        question: dict[str, Any] = found["spec"][2]
        return question

    return run


def values_of(document: Document, given: dict[str, Any], library: Library) -> dict[str, Any]:
    return read_template("t", document, given, library).inputs


@pytest.mark.parametrize("path", [*OWN, *CORPUS], ids=lambda path: path.stem)
def test_answers_come_back_as_the_same_inputs(path: Path, library: Library) -> None:
    """A job that takes every default has the same inputs, of the same types, as a deployment without inputs."""
    document = load(path.read_text(encoding="utf-8"), str(path))
    clouds = [*CLOUDS, "kubernetes"]
    found = survey(path.stem, document, library, clouds)
    assert survey_problems(found) == []
    needed = {item["variable"]: _some(item) for item in found["spec"] if item["required"]}
    needed |= {"infrastructure": "mine", "cloud": found["spec"][1]["choices"][0]}
    assert answer_problems(found, needed) == []
    variables = job_variables(found, {"template": path.stem}, needed)
    declared = document.data["topology_template"].get("inputs") or {}
    chosen = read_extra_variables(variables)
    given = answered_inputs(chosen.get("answers", {}), declared)
    asked = {name: given[name] for name in given if "im_input_" + name in needed}
    expected, values = values_of(document, asked, library), values_of(document, given, library)
    assert values == expected
    assert [type(item) for item in values.values() if item] == [type(item) for item in expected.values() if item]


def _some(item: dict[str, Any]) -> Any:
    texts = {"integer": 1, "float": 1.0, "multiplechoice": (item.get("choices") or [""])[0]}
    return texts.get(item["type"], "x" * max(1, item.get("min") or 0))


def test_the_catalogue_deploys_as_answered(world: World) -> None:
    answers = {
        "im_input_wn_num": 3,
        "im_input_slurm_dbd": "true",
        "im_input_fe_ports": '{"web": {"protocol": "tcp", "source": 80}}',
        "im_input_wn_mem": "2 GiB",
        "im_input_fe_mount_path": "",
    }
    found = template_survey("slurm", CLOUDS, world)
    everything = {"infrastructure": "mine", "cloud": "aws", **answers}
    assert answer_problems(found, everything) == []
    variables = read_extra_variables(job_variables(found, {"template": "slurm", "inputs": {"wn_num": 9}}, everything))
    groups = {group.node: group for group in translate("slurm", variables, "/", world.home, world).topology.groups}
    assert (groups["wn"].count, groups["wn"].memory) == (3, 2 * 2**30)
    assert 80 in [port.first for port in groups["front"].ports]


def test_an_answer_without_a_question_is_refused(world: World) -> None:
    with pytest.raises(ContinuumError, match="no input 'wn_nun'"):
        translate("slurm", {"answers": {"im_input_wn_nun": 1}}, "/", world.home, world)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type: string, default: a", {"type": "text", "default": "a", "required": False}),
        ("type: string", {"type": "text", "required": True}),
        ("type: string, required: false", {"type": "text", "required": False}),
        ("type: string, default: ''", {"type": "text", "required": False}),
        ('type: string, default: "a\\nb"', {"type": "textarea", "default": "a\nb"}),
        ("type: integer, default: '2', constraints: [{in_range: [1, 9]}]", {"default": 2, "min": 1, "max": 9}),
        ("type: integer, default: 2, constraints: [{greater_than: 1}, {less_than: 5}]", {"min": 2, "max": 4}),
        ("type: integer, default: 2, constraints: [{in_range: [1, UNBOUNDED]}]", {"min": 1}),
        ("type: float, default: 1, constraints: [{in_range: [0.5, 1.5]}]", {"default": 1.0, "min": 0, "max": 2}),
        ("type: boolean, default: false", {"type": "multiplechoice", "choices": ["true", "false"], "default": "false"}),
        ("type: integer, default: 4, constraints: [{valid_values: [2, 4]}]", {"choices": ["2", "4"], "default": "4"}),
        ("type: string, default: '', constraints: [{valid_values: ['', a]}]", {"choices": ["", "a"]}),
        ("type: string, required: false, constraints: [{valid_values: [a]}]", {"choices": ["", "a"]}),
        ('type: string, default: " a", constraints: [{valid_values: [" a"]}]', {"type": "text", "default": " a"}),
        ("type: scalar-unit.size, default: 1 GiB", {"type": "text", "default": "1 GiB"}),
        ("type: list, default: [1, 2]", {"type": "textarea", "default": "[1, 2]"}),
        ("type: map, default: {a: 1}", {"type": "textarea", "default": '{"a": 1}'}),
        ("type: json, default: {a: 1}", {"type": "textarea"}),
        ("type: string, constraints: [{min_length: 3}, {max_length: 5}]", {"min": 3, "max": 5}),
        ("type: string, default: random(8)", {"type": "password", "required": False}),
        ("type: tosca.datatypes.Credential, required: false", {"type": "password", "required": False}),
        ("type: string, default: $encrypted$", {"type": "text"}),
    ],
)
def test_questions(text: str, expected: dict[str, Any], ask: Ask) -> None:
    found = ask(text)
    assert {name: found.get(name) for name in expected} == expected
    assert type(found.get("default")) is type(expected.get("default", found.get("default")))
    assert ("default" in found) == ("default" in expected) or found["type"] in ("integer", "multiplechoice")


@pytest.mark.parametrize("text", ["default: hidden", "default: hidden, constraints: [{valid_values: [hidden]}]"])
def test_secrets_are_passwords_without_a_default(text: str, ask: Ask) -> None:
    found = ask(f"type: string, {text}", "admin_password")
    assert found["type"] == "password"
    assert "hidden" not in str(found)


def test_an_optional_answer_may_be_empty(ask: Ask) -> None:
    found = ask("type: string, default: abc, constraints: [{min_length: 3}, {max_length: 5}]")
    assert "min" not in found
    assert found["max"] == 5


def test_what_awx_cannot_check_is_said(ask: Ask) -> None:
    found = ask(
        "type: scalar-unit.size, default: 1 GiB, constraints: [{greater_or_equal: 512 MiB}], description: Memory"
    )
    assert (found["question_name"], found["question_description"]) == ("Memory", "Input item. At least 512 MiB.")


def test_variables_are_told_apart() -> None:
    assert variables_of(["a.b", "a-b"]) == {"a.b": "im_input_a_b", "a-b": "im_input_a_b_2"}
    answers = {"im_input_a_b": "1", "im_input_a_b_2": 0, "im_input_c": ""}
    assert answered_inputs(answers, ["a.b", "a-b", "c"]) == {"a.b": "1", "a-b": 0}


def test_clouds_that_do_not_fit_are_no_choice(world: World) -> None:
    assert template_survey("function", CLOUDS, world)["spec"][1]["choices"] == ["lambda"]
    assert template_survey("vm", CLOUDS, world)["spec"][1]["choices"] == ["aws", "openstack"]
    with pytest.raises(ChoiceError, match="none of the clouds"):
        template_survey("function", ["aws"], world)
    with pytest.raises(ChoiceError, match="no cloud 'moon'"):
        template_survey("vm", ["moon"], world)


def test_the_lookup() -> None:
    found = LookupModule()
    assert found.run(["vm"], {}, clouds=["aws"])[0]["name"] == "Virtual machine"
    with pytest.raises(AnsibleLookupError, match="Did you mean 'vm'"):
        found.run(["vmm"], {})
    with pytest.raises(AnsibleLookupError, match="exactly one"):
        found.run([], {})
    with pytest.raises(AnsibleLookupError, match="exactly one"):
        found.run(["vm"], {}, playbook="stop")


@pytest.mark.parametrize("playbook", sorted(PLAYBOOKS))
def test_playbooks_have_surveys(playbook: str) -> None:
    (found,) = LookupModule().run([], {}, playbook=playbook, clouds=["aws", "openstack"])
    assert survey_problems(found) == []
    answers = {"infrastructure": "mine", "cloud": "openstack", **({"host": "0"} if playbook == "snapshot" else {})}
    assert answer_problems(found, answers) == []
    text = (Path(COLLECTION) / "playbooks" / f"{playbook}.yml").read_text()
    assert [item["variable"] for item in found["spec"] if item["variable"] not in text] == []


def test_a_playbook_without_a_survey() -> None:
    with pytest.raises(AnsibleLookupError, match="has no survey"):
        LookupModule().run([], {}, playbook="deploy")

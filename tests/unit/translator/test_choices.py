"""What a user chooses beside the template, and where templates are found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Choices, deployment, read_choices
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ChoiceError, ContinuumError, TemplateError
from ansible_collections.continuum.im.plugins.plugin_utils._parse import source
from ansible_collections.continuum.im.plugins.plugin_utils._project.data import topology_data
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import HostGroup, Topology
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

BOX = HostGroup("box", "box", 1, "vnode-#N#", "localdomain", False, 1, 0)
TOPOLOGY = Topology("t", (), (BOX,), (), {})


def choices(**variables: Any) -> Choices:
    return read_choices(variables, "slurm", ["local", "aws"])


def test_defaults() -> None:
    assert choices() == Choices("slurm", "local")


def test_everything_chosen() -> None:
    found = choices(
        infrastructure="my-1",
        cloud="aws",
        images='{"*": "x"}',
        sizes={"box": "m5"},
        instances='[{"id": 3, "node": "box"}]',
    )
    assert found == Choices("my-1", "aws", {"*": "x"}, {"box": "m5"}, ((3, "box"),))


def test_single_hosts_may_have_sizes_of_their_own() -> None:
    listed = [{"id": 0, "node": "box"}, {"id": 2, "node": "box", "cpus": 2, "memory": "4 GiB", "instance_type": ""}]
    assert choices(instances=listed).host_sizes == {2: {"cpus": 2.0, "memory": 4 * 2**30, "instance_type": ""}}
    assert choices(instances=[{"id": 0, "node": "box", "memory": 512 * 2**20}]).host_sizes == {0: {"memory": 2**29}}
    with pytest.raises(ChoiceError, match="A size cannot be read"):
        choices(instances=[{"id": 0, "node": "box", "memory": "much"}])
    found = topology_data(deployment(TOPOLOGY, choices(instances=listed), "/k"), {})["im_instances_wanted"]
    assert found == [listed[0], {"id": 2, "node": "box", "cpus": 2.0, "memory": 4 * 2**30, "instance_type": ""}]


@pytest.mark.parametrize("name", ["A", "1a", "a_b", "a-", "x" * 41, "../x", "{{x}}"])
def test_bad_names(name: str) -> None:
    with pytest.raises(ChoiceError, match="cannot be the name of an infrastructure"):
        choices(infrastructure=name)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"cloud": "lokal"}, "Did you mean 'local'?"),
        ({"instances": "x"}, "neither a mapping nor JSON"),
        ({"instances": [{"id": 1}]}, "not a list of {id, node}"),
        ({"instances": 5}, "not a list of {id, node}"),
        ({"instances": [{"id": 1, "node": "a"}, {"id": 1, "node": "b"}]}, "different whole numbers"),
        ({"instances": [{"id": -1, "node": "a"}]}, "different whole numbers"),
    ],
)
def test_bad_choices(variables: dict[str, Any], message: str) -> None:
    with pytest.raises(ChoiceError) as caught:
        choices(**variables)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"images": {"*": "i"}}, ("i", "", 1)),
        ({"images": {"box": "i", "*": "j"}}, ("i", "", 1)),
        ({"sizes": {"box": "m5"}}, ("", "m5", 1)),
        ({"sizes": {"*": {"cpus": 4, "memory": "2 GiB"}}}, ("", "", 4)),
    ],
)
def test_images_and_sizes(chosen: dict[str, Any], expected: tuple[str, str, int]) -> None:
    group = deployment(TOPOLOGY, choices(**chosen), "/k").topology.groups[0]
    assert (group.image, group.instance_type, group.cpus) == expected


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"images": {"bx": "i"}}, "Did you mean 'box'?"),
        ({"sizes": {"bx": "i"}}, "There is no host group 'bx'"),
        ({"instances": [{"id": 0, "node": "bx"}]}, "There is no host group 'bx'"),
        ({"sizes": {"box": {"ram": 1}}}, "A size has no 'ram'"),
        ({"sizes": {"box": {"memory": "much"}}}, "A size cannot be read"),
        ({"sizes": {"box": {"cpus": "many"}}}, "A size cannot be read"),
    ],
)
def test_choices_that_do_not_fit_the_template(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(ChoiceError) as caught:
        deployment(TOPOLOGY, choices(**chosen), "/k")
    assert message in str(caught.value)


def test_find_by_name_and_by_path(tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "slurm.yaml").write_text("a: 1")
    (tmp_path / "My_Own.yml").write_text("b: 2")
    catalogue = str(tmp_path / "catalogue")
    assert source.find_template("slurm", catalogue, "/").text == "a: 1"
    found = source.find_template("My_Own.yml", catalogue, str(tmp_path))
    assert (found.text, found.name) == ("b: 2", "my-own")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("slrum", "Did you mean 'slurm'?"),
        ("file:///etc/passwd", "Only http and https"),
        ("http://127.0.0.1:9/x.yaml", "downloaded"),
    ],
)
def test_templates_that_are_not_there(reference: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "slurm.yaml").write_text("")
    with pytest.raises(TemplateError) as caught:
        source.find_template(reference, str(tmp_path), str(tmp_path / "elsewhere"))
    assert message in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe")
    (tmp_path / "c.yaml").write_text("x" * 1_100_000)
    for name, message in (("b.yaml", "not UTF-8"), ("c.yaml", "more than")):
        with pytest.raises(TemplateError, match=message):
            source.find_template(name, "", str(tmp_path))


@pytest.mark.parametrize(("text", "expected"), [("A b", "a-b"), ("1x", "t-1x"), ("é", "t"), ("x" * 60, "x" * 40)])
def test_slugs(text: str, expected: str) -> None:
    assert source.slug(text) == expected


def test_home() -> None:
    home = Home.of({"CONTINUUM_HOME": "/h"})
    assert home.project("a") == "/h/projects/a"
    assert home.key_file("a") == "/h/keys/a/id_ed25519"
    assert Home.of({}).path.endswith("/.continuum")


def test_problems_of_choices_and_template_come_together(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "tosca_definitions_version: tosca_simple_yaml_1_0\ntopology_template: {inputs: {n: {}}}\n"
    )
    with pytest.raises(ContinuumError) as caught:
        translate("t.yaml", {"cloud": "nowhere"}, str(tmp_path), Home("/h"))
    assert [item.code for item in caught.value.diagnostics] == ["bad-choice", "missing-input"]


def test_problems_of_choices_alone(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("tosca_definitions_version: tosca_simple_yaml_1_0\ntopology_template: {}\n")
    with pytest.raises(ContinuumError, match="There is no cloud"):
        translate("t.yaml", {"cloud": "nowhere"}, str(tmp_path), Home("/h"))
    with pytest.raises(ContinuumError, match="JSON"):
        translate("t.yaml", {"inputs": "{"}, str(tmp_path), Home("/h"))

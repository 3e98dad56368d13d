# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One infrastructure on several clouds: who lives where, what each cloud is asked, what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.filter.infrastructure import clouds_of
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment, read_choices
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ChoiceError, ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._project.data import topology_data
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write
from ansible_collections.continuum.im.plugins.plugin_utils._result.outputs import summary
from ansible_collections.continuum.im.plugins.plugin_utils._run.hybrid import (
    hosts_by_cloud,
    join_clouds,
    last_number,
    networks_of,
    part_of_cloud,
)
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

CLOUDS = ["aws", "hybrid", "lambda", "local", "static"]
TEMPLATE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  node_templates:
    front:
      type: tosca.nodes.indigo.Compute
      capabilities: {endpoint: {properties: {network_name: PUBLIC}}}
    wn:
      type: tosca.nodes.indigo.Compute
      capabilities: {scalable: {properties: {count: 2}}}
  policies:
    - there: {type: tosca.policies.Placement, targets: [wn], properties: {cloud_id: CLOUD}}
"""


def deploy(folder: Path, cloud: str, where: str = "aws") -> Deployment:
    template = folder / "two.yaml"
    template.write_text(TEMPLATE.replace("CLOUD", where), encoding="utf-8")
    return translate(str(template), {"cloud": cloud}, str(folder), Home(str(folder / "home")))


@pytest.mark.parametrize("value", ["local,aws", ["local", "aws"], " local , aws,local,"])
def test_several_clouds_are_named_with_commas(value: Any) -> None:
    found = read_choices({"cloud": value}, "x", CLOUDS)
    assert (found.cloud, found.clouds) == ("hybrid", ("local", "aws"))


def test_one_cloud_is_not_several() -> None:
    assert (read_choices({"cloud": "aws,"}, "x", CLOUDS).cloud, read_choices({"cloud": "aws"}, "x", CLOUDS).clouds) == (
        "aws",
        (),
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("hybrid", "There is no cloud 'hybrid'"),
        ("local,asw", "Did you mean 'aws'?"),
        ("aws,lambda", "'lambda' cannot be used together with others"),
        ("static,aws", "'static' cannot be used together with others"),
        (",", "There is no cloud ''"),
    ],
)
def test_clouds_that_cannot_be(value: str, message: str) -> None:
    with pytest.raises(ChoiceError) as caught:
        read_choices({"cloud": value}, "x", CLOUDS)
    assert message in str(caught.value)


def test_a_policy_names_the_cloud_and_the_first_one_has_the_rest(tmp_path: Path) -> None:
    found = deploy(tmp_path, "local,aws")
    assert found.placement == {"front": "local", "wn": "aws"}
    data = topology_data(found, {})
    assert (data["im_cloud"], data["im_clouds"], data["im_placement"]) == ("hybrid", ["local", "aws"], found.placement)


def test_hosts_that_no_public_host_of_their_cloud_leads_to_are_public(tmp_path: Path) -> None:
    groups = {group.node: group for group in deploy(tmp_path, "local,aws").topology.groups}
    assert groups["wn"].public
    assert [(port.protocol, port.first) for port in groups["wn"].ports] == [("tcp", 22)]
    assert not {group.node: group for group in deploy(tmp_path, "local").topology.groups}["wn"].public


def test_a_policy_that_names_another_cloud(tmp_path: Path) -> None:
    with pytest.raises(ContinuumError) as caught:
        deploy(tmp_path, "local,aws", "asw")
    assert "puts 'wn' on the cloud 'asw', which was not chosen" in str(caught.value)
    assert "Did you mean 'aws'?" in str(caught.value)


def test_one_cloud_takes_the_name_for_an_account(tmp_path: Path) -> None:
    found = deploy(tmp_path, "local", "my-account")
    assert found.placement == {}
    assert "im_clouds" not in topology_data(found, {})


def test_an_infrastructure_stays_where_it_was_made(tmp_path: Path) -> None:
    home = Home(str(tmp_path / "home"))
    found = deploy(tmp_path, "local,aws")
    write(render(found), home.project("two"))
    deploy(tmp_path, "aws,local")
    with pytest.raises(ContinuumError, match="'two' is deployed on local, aws, not on local"):
        deploy(tmp_path, "local")


def test_the_project_tells_where_an_infrastructure_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTINUUM_HOME", str(tmp_path / "home"))
    assert clouds_of("two") == ["local"]
    write(render(deploy(tmp_path, "local,aws")), Home(str(tmp_path / "home")).project("two"))
    assert clouds_of("two") == clouds_of("two", "local,aws") == ["local", "aws"]
    with pytest.raises(ChoiceError, match="aws would be left out"):
        clouds_of("two", "local")
    with pytest.raises(ChoiceError, match="There is no cloud 'nowhere'"):
        clouds_of("two", "nowhere")


def host(number: int, **more: Any) -> dict[str, Any]:
    names = {"name": f"x-wn-{number}", "hostname": f"vnode-{number}", "fqdn": f"vnode-{number}.localdomain"}
    return {"id": number, "node": "wn", "cloud_id": f"i-{number}", "state": "running", **names, **more}


PARTS = {
    "local": {"instances": [host(0), host(3)], "surplus": [], "last": 3},
    "aws": {"instances": [host(1)], "surplus": [host(2)], "last": 7},
}


def test_what_clouds_return_is_joined() -> None:
    assert [(item["id"], item["cloud"]) for item in join_clouds(PARTS, "instances")] == [
        (0, "local"),
        (1, "aws"),
        (3, "local"),
    ]
    assert [item["id"] for item in join_clouds(PARTS, "surplus")] == [2]


def test_no_number_is_given_twice() -> None:
    assert last_number(PARTS) == 7
    assert last_number({"aws": {"instances": [host(9)], "surplus": [], "last": -1}}) == 9
    assert last_number({}) == -1


def test_each_cloud_gets_its_part() -> None:
    placement = {"front": "local", "wn": "aws"}
    assert part_of_cloud([{"node": "front"}, {"node": "wn"}], placement, "aws") == [{"node": "wn"}]
    assert part_of_cloud(None, placement, "aws") is None
    networks = [{"name": "public"}, {"name": "private"}]
    assert networks_of(networks, [{"networks": ["private"]}]) == [{"name": "private"}]


@pytest.mark.parametrize("word", ["x-wn-1", "vnode-1", "vnode-1.localdomain", "i-1", "1", 1])
def test_hosts_are_found_on_their_cloud(word: Any) -> None:
    assert hosts_by_cloud(PARTS, [word]) == {"aws": ["x-wn-1"]}


def test_all_hosts_are_those_of_all_clouds() -> None:
    assert hosts_by_cloud(PARTS, []) == {"local": [], "aws": []}


def test_a_host_that_is_nowhere() -> None:
    with pytest.raises(ChoiceError) as caught:
        hosts_by_cloud(PARTS, ["vnode-9"])
    assert "There is no host vnode-9" in str(caught.value)
    assert "x-wn-0 (vnode-0), x-wn-1 (vnode-1)" in str(caught.value)


def test_the_summary_says_what_the_network_allows() -> None:
    lines = summary([host(0, cloud="openstack"), host(1, cloud="aws")], {}, "/k/ssh_config")
    assert "on aws: vnode-1" in lines
    assert any(line.startswith("Hosts on openstack and aws have no private network in common") for line in lines)
    assert not any("private network" in line for line in summary([host(0), host(1)], {}, "/k/ssh_config"))


def test_the_data_of_a_project_can_be_read_again(tmp_path: Path) -> None:
    text = render(deploy(tmp_path, "local,aws"))["topology.yml"]
    assert isinstance(text, str)
    assert yaml.safe_load(text.replace("!unsafe ", ""))["im_clouds"] == ["local", "aws"]

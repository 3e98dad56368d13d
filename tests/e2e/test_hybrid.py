# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One infrastructure on two clouds: made in one run, scaled, and removed in one run from both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .clouds import CLOUDS, CloudUnderTest
from .conftest import PREFIX, Deployer

pytestmark = pytest.mark.e2e
TEMPLATE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs:
    wn_num: {type: integer, default: 1}
  node_templates:
    front:
      type: tosca.nodes.indigo.Compute
      capabilities:
        endpoint: {properties: {network_name: PUBLIC, ports: {http: {protocol: tcp, source: 80}}}}
        host: {properties: {num_cpus: 1, mem_size: 512 MB}}
        os: {properties: {type: linux, distribution: debian}}
    wn:
      type: tosca.nodes.indigo.Compute
      capabilities:
        scalable: {properties: {count: {get_input: wn_num}}}
        host: {properties: {num_cpus: 1, mem_size: 512 MB}}
        os: {properties: {type: linux, distribution: debian}}
  outputs:
    front_ip: {value: {get_attribute: [front, public_address, 0]}}
    worker_ips: {value: {get_attribute: [wn, public_address]}}
  policies:
    - workers: {type: tosca.policies.Placement, targets: [wn], properties: {cloud_id: SECOND}}
"""
PAIRS = [
    pytest.param(("local", "aws"), id="local-aws"),
    pytest.param(("openstack", "aws"), id="openstack-aws", marks=pytest.mark.long),
]


@pytest.fixture(scope="module", params=PAIRS)
def clouds(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[CloudUnderTest]]:
    """Two clouds that run."""
    found = []
    for name in request.param:
        if name not in CLOUDS:
            pytest.skip(f"there is no cloud {name}")
        missing = CLOUDS[name].missing()
        if missing:
            pytest.skip(missing)
        found.append(CLOUDS[name](tmp_path_factory.mktemp(f"hybrid-{name}")))
    started: list[CloudUnderTest] = []
    try:
        for cloud in found:
            cloud.start()
            started.append(cloud)
        yield found
    finally:
        for cloud in started:
            cloud.stop()


@pytest.fixture(scope="module")
def deployer(clouds: list[CloudUnderTest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployer]:
    """An infrastructure on both clouds, destroyed at the end, whatever happened."""
    folder = tmp_path_factory.mktemp("two-clouds")
    template = folder / "two.yaml"
    template.write_text(TEMPLATE.replace("SECOND", clouds[1].name), encoding="utf-8")
    (folder / "home").mkdir()
    environment: dict[str, str] = {}
    for cloud in clouds:
        environment |= cloud.environment
    names = ",".join(cloud.name for cloud in clouds)
    found = Deployer(folder / "home", f"{PREFIX}two-{clouds[0].name}", str(template), environment, names)
    yield found
    found.run("destroy")


def where(instances: list[dict[str, Any]]) -> dict[str, str]:
    return {item["hostname"]: item["cloud"] for item in instances}


def test_hosts_of_both_clouds_are_made_in_one_run(deployer: Deployer, clouds: list[CloudUnderTest]) -> None:
    run = deployer.deploy()
    assert where(run.instances) == {"vnode-0": clouds[0].name, "vnode-1": clouds[1].name}
    assert "have no private network in common" in run.output
    assert [len(cloud.hosts(deployer.name)) for cloud in clouds] == [1, 1]
    front, worker = run.instances
    assert deployer.ssh("vnode-0", "getent hosts vnode-1").split()[0] == worker["public_ip"]
    assert deployer.ssh("vnode-1", "getent hosts vnode-0").split()[0] == front["public_ip"]
    assert deployer.ssh("vnode-1", "getent hosts vnode-1").split()[0] == worker["private_ip"]


def test_the_second_run_changes_nothing(deployer: Deployer) -> None:
    assert deployer.deploy().changed == 0


@pytest.mark.long
def test_one_cloud_grows_and_numbers_stay_unique(deployer: Deployer, clouds: list[CloudUnderTest]) -> None:
    first, second = (cloud.name for cloud in clouds)
    assert where(deployer.deploy(wn_num=2).instances) == {"vnode-0": first, "vnode-1": second, "vnode-2": second}
    assert where(deployer.deploy(wn_num=1).instances) == {"vnode-0": first, "vnode-1": second}


@pytest.mark.long
def test_a_host_is_stopped_on_its_cloud(deployer: Deployer) -> None:
    deployer.run("stop", host="vnode-1")
    deployer.ssh("vnode-0", "true")
    deployer.run("start")
    deployer.ssh("vnode-1", "true")


def test_a_cloud_is_not_forgotten(deployer: Deployer, clouds: list[CloudUnderTest]) -> None:
    only = Deployer(deployer.home, deployer.name, deployer.template, deployer.environment, clouds[1].name)
    run = only.run("destroy", check=False)
    assert run.code != 0
    assert f"{clouds[0].name} would be left out" in run.output
    assert clouds[1].hosts(deployer.name)


def test_one_destruction_removes_all(deployer: Deployer, clouds: list[CloudUnderTest]) -> None:
    deployer.run("destroy")
    assert [cloud.left_over(deployer.name) for cloud in clouds] == [{}, {}]
    assert not list(deployer.home.glob(f"*/{deployer.name}"))

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told about a template before it is deployed."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._describe.picture import picture
from ansible_collections.continuum.im.plugins.plugin_utils._describe.text import describe, size, table
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import Topology

pytestmark = pytest.mark.unit
TEXT = """
inputs: {secret_token: {type: string, default: x}}
node_templates:
  front:
    type: tosca.nodes.indigo.Compute
    capabilities:
      endpoint:
        properties: {network_name: PUBLIC, ports: {a: {source: 80}, b: {source_range: [90, 95], protocol: udp}}}
      host: {properties: {num_cpus: 2, mem_size: 4 GB, num_gpus: 1}}
      os: {properties: {distribution: debian, version: 12}}
    requirements: [{local_storage: {node: disk, relationship: {type: AttachesTo, properties: {location: /d}}}}]
  disk: {type: tosca.nodes.BlockStorage, properties: {size: 10 GiB}}
  app:
    type: tosca.nodes.ec3.Application
    requirements: [{host: front}]
    interfaces: {Standard: {configure: {implementation: x/<b>.yml, inputs: {t: {get_input: secret_token}}}}}
  f: {type: tosca.nodes.aisprint.FaaS.Function, properties: {name: f, memory: 512 MB, image: "<i>", script: s}}
outputs: {ip: {value: {get_attribute: [front, public_address, 0]}}}
"""
APP = "x/<b>.yml"


@pytest.fixture
def topology(build: Callable[..., Topology]) -> Topology:
    return build(TEXT.replace(APP, "x/b.yml"), secret_token="hush")


def test_the_table(topology: Topology) -> None:
    lines = table(describe(topology))
    assert lines[0].split() == "GROUP HOSTS CPUS MEMORY NETWORKS OPEN DISKS SOFTWARE".split()
    assert lines[1].split("  ")[0] == "front"
    assert "22, 80, 90-95/udp" in lines[1]
    assert "10 GiB at /d" in lines[1]
    assert lines[1].endswith("app (b.yml)")
    assert lines[2:] == ["function f: <i>", "outputs: ip"]


def test_plain_data_without_secrets(topology: Topology) -> None:
    found = json.dumps(describe(topology))
    assert "hush" not in found
    assert json.loads(found)["groups"][0]["ports"] == ["22", "80", "90-95/udp"]
    assert json.loads(found)["recipes"] == ["x/b.yml"]


def test_the_picture_is_svg_without_scripts(topology: Topology) -> None:
    svg = picture(describe(topology))
    root = ElementTree.fromstring(svg)  # noqa: S314 (ours)
    texts = ["".join(item.itertext()) for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"internet", "private", "front x 1", "2 CPUs, 4 GB, 1 GPUs, debian 12", "app: b.yml"} <= set(texts)
    assert "<i>" in texts
    assert not [
        item for item in root.iter() if item.tag.rpartition("}")[2] in ("script", "image", "a", "foreignObject")
    ]
    assert "href" not in svg
    assert len(list(root.iter("{http://www.w3.org/2000/svg}line"))) == 2


def test_a_topology_of_nothing(build: Callable[..., Topology]) -> None:
    found = describe(build("node_templates: {}"))
    assert table(found) == []
    ElementTree.fromstring(picture(found))  # noqa: S314 (ours)


@pytest.mark.parametrize(
    ("number", "text"), [(0, ""), (100, "100 B"), (10**9, "1 GB"), (2**30, "1 GiB"), (3 * 2**29, "1.5 GiB")]
)
def test_sizes(number: int, text: str) -> None:
    assert size(number) == text

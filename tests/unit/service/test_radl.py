# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RADL in, TOSCA and RADL out; states."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from radl.radl_parse import parse_radl
from service.errors import BadRequest
from service.infrastructures.state import aggregate
from service.radl_text.reader import check, read_json, read_text
from service.radl_text.recipes import tasks_of
from service.radl_text.to_tosca import to_tosca, to_tosca_text
from service.radl_text.vm_info import Host, vm_json, vm_property, vm_text
from service.radl_text.writer import document_json, document_text, quoted

pytestmark = pytest.mark.unit
SIMPLE = """description desc ( name = 'My RADL infra' )
network publicnet (outbound = 'yes' and outports = '80/tcp-8080/tcp,10.0.0.0/8-1000:1010/udp')
network privnet ()
system front (
  cpu.arch='x86_64' and cpu.count>=1 and memory.size>=512m and
  net_interface.0.connection = 'publicnet' and net_interface.0.dns_name = 'front' and
  net_interface.1.connection = 'privnet' and
  disk.0.os.name='linux' and disk.0.os.flavour='ubuntu' and disk.0.os.version='24.04' and
  disk.0.image.url = 'mock0://linux.for.ev.er/image1' and disk.0.os.credentials.password = 'yoyoyo' and
  disk.0.applications contains (name = 'ansible.modules.grycap.nfs' and version = '1.0')
)
system wn (
  disk.0.os.name='linux' and memory.size>=1g and net_interface.0.connection = 'privnet' and
  disk.1.size=10g and disk.1.device='hdb' and disk.1.mount_path='/mnt/disk'
)
configure front (
@begin
---
  - hosts: all
    vars: {greeting: hello}
    roles: [grycap.nfs]
    tasks:
    - debug: msg="{{ greeting }}"
@end
)
deploy front 1
deploy wn 2 mycloud
"""


def nodes(text: str) -> dict[str, Any]:
    found: dict[str, Any] = to_tosca(read_text(text))["topology_template"]["node_templates"]
    return found


def test_systems_become_computes() -> None:
    document = read_text(SIMPLE)
    check(document)
    template = to_tosca(document)
    assert template["metadata"] == {"infra_name": "My RADL infra"}
    found = template["topology_template"]["node_templates"]
    front = found["front"]["capabilities"]
    assert front["host"]["properties"] == {"num_cpus": 1, "mem_size": "512000000 B"}
    assert front["scalable"]["properties"] == {"count": 1}
    assert front["endpoint"]["properties"]["dns_name"] == "front"
    assert list(front["endpoint"]["properties"]["ports"].values()) == [
        {"protocol": "tcp", "source": 80, "target": 8080},
        {"protocol": "udp", "source_range": [1000, 1010], "remote_cidr": "10.0.0.0/8"},
    ]
    assert front["os"]["properties"]["image"] == "mock0://linux.for.ev.er/image1"
    assert found["publicnet"]["properties"]["network_type"] == "public"
    assert found["front_port_1"]["requirements"] == [{"binding": "front"}, {"link": "privnet"}]
    assert found["wn_disk_1"]["properties"] == {"size": "10000000000 B"}
    software = found["front_configure_front"]
    tasks = software["interfaces"]["Standard"]["configure"]["implementation"]
    assert tasks[0]["vars"] == {"greeting": "hello"}
    assert list(software["artifacts"].values()) == [
        {"type": "tosca.artifacts.AnsibleGalaxy.role", "file": "grycap.nfs,1.0"}
    ]
    placement = template["topology_template"]["policies"][0]["deploy_on_mycloud"]
    assert placement["targets"] == ["wn"]
    assert "yoyoyo" not in to_tosca_text(document)


def test_the_json_form_means_the_same() -> None:
    text = read_text(SIMPLE)
    again = read_json(json.dumps(document_json(text)))
    assert to_tosca(again)["topology_template"] == to_tosca(text)["topology_template"]


def test_contextualize_decides_what_runs() -> None:
    text = SIMPLE + "contextualize ()\n"
    assert not [name for name in nodes(text) if "configure" in name]
    steps = "configure two (\n@begin\n- debug: msg=x\n@end\n)\n" + (
        "contextualize (\nsystem front configure front step 1\nsystem wn configure two step 2\n)\n"
    )
    found = nodes(SIMPLE + steps)
    assert {"dependency": "front_configure_front"} in found["wn_configure_two"]["requirements"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("system front (\n  this is not radl\n", "Error parsing request body: Line 2: Parse error at 'is'"),
        ("system front (", "ends too early"),
        ("system n (cpu.count>=1)\ndeploy nosuch 1\n", "Invalid system id in the deploy"),
        ("system n ()\ndeploy n 5000\n", "More than 1000 hosts"),
    ],
)
def test_bad_text(text: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        check(read_text(text))


@pytest.mark.parametrize(
    "text", ["not json", "{}", '["x"]', '[{"class": "RADL", "id": "x"}]', '[{"class": "deploy"}]', "[{}]",
             '[{"class": "system", "id": "x", "cpu.count": {"class": "Exception", "id": "y"}}]']
)  # fmt: skip
def test_bad_json(text: str) -> None:
    with pytest.raises(BadRequest, match="Error parsing request body: "):
        read_json(text)


def test_no_text_is_a_file_name() -> None:
    for text in ("/etc/passwd", "README.md"):
        with pytest.raises(BadRequest):
            read_text(text)
    with pytest.raises(BadRequest):
        read_json("/etc/hostname")


@pytest.mark.parametrize("text", ["{a: b}", "- hosts: all\n  handlers: []", "- [1]", "a: [", "- tasks: 3"])
def test_bad_recipes(text: str) -> None:
    with pytest.raises(BadRequest, match=r"The recipe 'x'|of the recipe 'x'"):
        tasks_of("x", text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("system n (net_interface.0.connection = 'no')\ndeploy n 1", "is connected to the network 'no'"),
        ("system n ()\ncontextualize (\nsystem n configure c\n)", "names the recipe 'c'"),
        ("system n ()\ncontextualize (\nsystem m configure c\n)", "names the system 'm'"),
    ],
)
def test_what_is_not_defined(text: str, reason: str) -> None:
    with pytest.raises(BadRequest, match=reason):
        to_tosca(read_text(text))


@given(st.text(st.characters(exclude_characters="\\", exclude_categories=("Cs",)), max_size=40))
@settings(max_examples=200, deadline=None)
def test_strings_survive(value: str) -> None:
    if value.startswith("random("):
        return
    found = parse_radl(f"system x (\na = {quoted(value)}\n)\n")
    assert found.systems[0].getValue("a") == value


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_no_text_breaks_the_reader(value: str) -> None:
    with contextlib.suppress(BadRequest):
        to_tosca(read_text(value))


HOST = Host(
    number=3, system="front", state="configured", cloud_type="Local", instance_id="abc", instance_name="im-x-front-3",
    launch_time=1700000000, private_key="-----BEGIN KEY-----\na'b\n-----END KEY-----\n",
    facts={"public_ip": "192.0.2.1", "private_ip": "10.0.0.3", "user": "debian", "cpus": 2, "memory": 2**30,
           "hostname": "front"},
)  # fmt: skip


def test_a_host_as_radl() -> None:
    definition = read_text(SIMPLE)
    found = parse_radl(vm_text(definition, HOST))
    assert [item.id for item in found.networks] == ["publicnet", "privnet"]
    assert [item.name for item in found.systems] == ["front"]
    assert not found.deploys
    one = found.systems[0]
    assert found.getPublicIP() == "192.0.2.1"
    assert found.getPrivateIP() == "10.0.0.3"
    assert one.getValue("disk.0.os.credentials.private_key") == HOST.private_key
    assert one.getValue("disk.0.os.credentials.password") is None
    flat = vm_json(definition, HOST)[-1]
    assert flat["cpu.count"] == 2
    assert flat["memory.size"] == 2**30
    assert flat["launch_time"] == 1700000000
    assert vm_property(definition, HOST, "memory.size") == 2**30
    assert vm_property(definition, HOST, "net_interface.0.ip") == "192.0.2.1"
    assert vm_property(definition, HOST, "nosuch") is None
    assert vm_property(definition, HOST, "class") is None


def test_a_host_without_a_public_network_gets_one_when_it_has_an_address() -> None:
    definition = read_text("system front ()\nnetwork n ()\n")
    found = parse_radl(vm_text(definition, HOST))
    assert found.getPublicIP() == "192.0.2.1"
    assert found.systems[0].getNumNetworkIfaces() >= 1
    young = parse_radl(vm_text(definition, Host(0, "front", "pending", "Local")))
    assert young.systems[0].getValue("net_interface.0.connection") == "private_net"
    assert young.systems[0].getValue("net_interface.0.ip") is None
    assert young.systems[0].getValue("net_interface.0.dns_name") == "vnode-0"


def test_a_host_behind_a_door() -> None:
    facts = {"private_ip": "10.0.0.3", "ssh_address": "192.0.2.9", "ssh_port": 2222, "user": "debian"}
    found = parse_radl(vm_text(read_text(SIMPLE), Host(1, "wn", "running", "Local", facts=facts)))
    assert found.getPublicIP() == "192.0.2.9"
    assert found.getPrivateIP() == "10.0.0.3"
    (port,) = found.get_network_by_id("public_net").getOutPorts()
    assert (port.get_remote_port(), port.get_local_port()) == (2222, 22)


def test_a_document_as_text_can_be_read_again() -> None:
    text = document_text(read_text(SIMPLE + "contextualize ()\n"))
    again = parse_radl(text)
    assert yaml.safe_load(to_tosca_text(again)) == yaml.safe_load(to_tosca_text(read_text(text)))


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["configured", "failed", "pending"], "failed"),
        (["unknown", "pending"], "unknown"),
        (["running", "pending"], "pending"),
        (["configured", "running"], "running"),
        (["stopped", "configured"], "stopped"),
        (["configured", "stopped"], "stopped"),
        (["configured", "unconfigured"], "unconfigured"),
        (["configured", "configured"], "configured"),
        (["configured", "deleting"], "configured"),
        (["off"], "off"),
    ],
)
def test_aggregate(states: list[str], expected: str) -> None:
    assert aggregate(states) == expected
    assert aggregate(reversed(states)) == expected
    assert aggregate(states, deleting=True) == "deleting"


def test_aggregate_of_nothing() -> None:
    assert aggregate([], failed=True, undecided=True) == "failed"
    assert aggregate([], undecided=True) == "pending"
    assert aggregate([]) == "unknown"

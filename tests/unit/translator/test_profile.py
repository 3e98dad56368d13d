# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rest of the profile: networks, ports, proxies, relationships, artifacts, containers, functions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils import _translate
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError, TemplateError
from ansible_collections.continuum.im.plugins.plugin_utils._parse.expressions import (
    Address,
    HostValue,
    OwnVariable,
    encode,
)
from ansible_collections.continuum.im.plugins.plugin_utils._parse.secret import Secret
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render
from ansible_collections.continuum.im.plugins.plugin_utils._result.outputs import output_values
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import GalaxyContent, Topology
from ansible_collections.continuum.im.plugins.plugin_utils._topology.networks import split_network_name
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

Build = Callable[..., Topology]
pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (False, "", "")),
        ("PRIVATE", (False, "", "")),
        ("PUBLIC", (True, "", "")),
        ("ext.PUBLIC", (True, "", "ext")),
        ("int.PRIVATE", (False, "int", "")),
        ("int,pool", (True, "int", "pool")),
        ("some-id", (False, "some-id", "")),
    ],
)
def test_the_grammar_of_network_names(text: str, expected: tuple[bool, str, str]) -> None:
    assert split_network_name(text) == expected


@pytest.mark.parametrize(
    ("endpoint", "networks"),
    [
        ('{network_name: "int,pool"}', [("private", "int"), ("public", "pool")]),
        ("{network_name: ext.PUBLIC}", [("private", "ext")]),
        ("{network_name: ext.PUBLIC, private_ip: false}", [("public", "ext")]),
        ("{network_name: int.PRIVATE}", [("private", "int")]),
        ("{network_name: PUBLIC}", [("private", None)]),
    ],
)
def test_ids_of_networks_reach_the_networks(
    build: Build, endpoint: str, networks: list[tuple[str, str | None]]
) -> None:
    topology = build(
        f"""
node_templates:
  a:
    type: tosca.nodes.indigo.Compute
    capabilities: {{endpoint: {{properties: {endpoint}}}}}
"""
    )
    assert [(net.name, net.provider_id) for net in topology.networks] == networks


def test_ports_decide_the_interfaces(build: Build) -> None:
    topology = build(
        """
node_templates:
  inner: {type: tosca.nodes.network.Network, properties: {network_type: private, cidr: 10.9.0.0/24}}
  outer: {type: tosca.nodes.network.Network, properties: {network_type: Public, network_name: ext, gateway_ip: "0/0,a"}}
  one:
    type: tosca.nodes.indigo.network.Port
    properties: {order: 1, dns_name: web}
    requirements: [{binding: a}, {link: outer}]
  zero:
    type: tosca.nodes.indigo.network.Port
    properties: {order: 0, ip_address: 10.9.0.7, additional_ip: 10.9.0.8, additional_dns_names: [w.example.org]}
    requirements: [{binding: {node: a}}, {link: {node: inner}}]
  a:
    type: tosca.nodes.indigo.Compute
    capabilities: {endpoint: {properties: {ports: {web: {source: 80}}}}}
outputs: {ip: {value: {get_attribute: [one, ip_address]}}}
"""
    )
    group = topology.group("a")
    assert (group.public, group.networks, group.hostname) == (True, ("inner", "outer"), "web")
    assert (group.addresses, group.additional_ips) == ({"inner": "10.9.0.7"}, ("10.9.0.8",))
    assert group.dns_names == ("w.example.org",)
    networks = {net.name: (net.public, net.cidr, net.provider_id, net.gateway) for net in topology.networks}
    assert networks == {"inner": (False, "10.9.0.0/24", None, ""), "outer": (True, None, "ext", "0/0,a")}
    assert topology.outputs == {"ip": Address("a", "public", 0)}


PROXY = """
inputs: {key: {type: string, default: ""}}
node_templates:
  net:
    type: tosca.nodes.indigo.network.Network
    properties:
      proxy_host: bastion.example.org
      proxy_credential: {user: me, token_type: private_key, token: {get_input: key}}
  port: {type: tosca.nodes.network.Port, properties: {order: 0}, requirements: [{binding: a}, {link: net}]}
  a: {type: tosca.nodes.indigo.Compute}
"""


def test_a_proxy_has_a_secret(build: Build) -> None:
    proxy = build(PROXY, key="hush").networks[0].proxy
    assert proxy is not None
    assert (proxy.host, proxy.user, proxy.token) == ("bastion.example.org", "me", "hush")
    assert isinstance(proxy.token, Secret)
    assert "hush" not in repr(proxy)


RELATIONS = """
node_templates:
  box: {type: tosca.nodes.indigo.Compute}
  store:
    type: tosca.nodes.SoftwareComponent
    requirements: [{host: box}]
    artifacts: {conf: {file: conf/x.json, repository: repo}}
  one:
    type: tosca.nodes.SoftwareComponent
    requirements: [{host: box}, {dependency: {node: store, relationship: {type: DependsOn, interfaces: *edge}}}]
  two:
    type: tosca.nodes.SoftwareComponent
    requirements: [{host: box}, {dependency: {node: store, relationship: edge}}]
relationship_templates:
  edge:
    type: tosca.relationships.DependsOn
    interfaces: &edge
      Configure:
        pre_configure_target:
          implementation: a/target.yml
          inputs: {from: {get_property: [SOURCE, component_version]}, at: {get_attribute: [TARGET, private_address]}}
        post_configure_source: {implementation: a/source.sh, inputs: {conf: {get_artifact: [TARGET, conf]}}}
"""


def test_operations_of_all_relationships_are_kept(build: Build) -> None:
    head, tail = RELATIONS.split("relationship_templates:")
    text = "relationship_templates:" + tail + head.strip("\n")
    topology = build(text)
    assert [(step.node, step.recipe.reference if step.recipe else "") for step in topology.steps] == [
        ("store", "a/target.yml"),
        ("store", "a/target.yml"),
        ("one", "a/source.sh"),
        ("two", "a/source.sh"),
    ]
    assert len({step.name for step in topology.steps}) == 4
    assert topology.steps[0].inputs == {"at": Address("box", "private", 0)}
    assert topology.steps[2].inputs == {"conf": "/tmp/x.json"}
    assert topology.steps[2].files == ("repo/conf/x.json",)
    assert topology.steps[2].recipe is not None
    assert topology.steps[2].recipe.kind == "script"


ARTIFACTS = """
node_templates:
  box: {{type: tosca.nodes.indigo.Compute}}
  app:
    type: tosca.nodes.SoftwareComponent
    requirements: [{{host: box}}]
    artifacts:
      a: {{type: tosca.artifacts.AnsibleGalaxy.{kind}, file: "{file}"}}
    interfaces:
      Standard:
        create: {{implementation: {{primary: x.yml, dependencies: [b.conf]}}}}
        configure: x.yml
"""


@pytest.mark.parametrize(
    ("kind", "file", "expected"),
    [
        ("role", "grycap.nfs", GalaxyContent("role", "grycap.nfs")),
        ("role", "grycap.nfs,nfs4", GalaxyContent("role", "grycap.nfs", "", "nfs4")),
        ("role", "git+https://example.org/r|arc", GalaxyContent("role", "arc", "https://example.org/r")),
        ("collection", "community.docker,3.12.2", GalaxyContent("collection", "community.docker", "", "3.12.2")),
        ("collection", "git+https://e.org/c-x", GalaxyContent("collection", "c-x", "https://e.org/c-x")),
    ],
)
def test_what_galaxy_brings(build: Build, kind: str, file: str, expected: GalaxyContent) -> None:
    topology = build(ARTIFACTS.format(kind=kind, file=file))
    assert topology.galaxy == (expected,)
    assert topology.steps[0].files == ("b.conf",)
    assert list(topology.references) == ["x.yml", "b.conf"]


def test_inline_tasks(build: Build) -> None:
    tasks = "- {name: Say it, ansible.builtin.debug: {msg: '{{ 1 }}'}}"
    for form in (f'"{tasks}\\n"', f"[{tasks[2:]}]", f"{{tasks: [{tasks[2:]}]}}"):
        text = f"""
node_templates:
  box:
    type: tosca.nodes.indigo.Compute
    interfaces: {{Standard: {{configure: {{implementation: {form}}}}}}}
"""
        recipe = build(text).recipes[0]
        assert (recipe.kind, recipe.tasks[0]["name"]) == ("tasks", "Say it")


FUNCTIONS = """
inputs: {{nested: {{type: map, default: {{a: [x, y]}}}}}}
node_templates:
  box: {{type: tosca.nodes.indigo.Compute}}
  app:
    type: tosca.nodes.ec3.Application
    requirements: [{{host: box}}]
    interfaces: {{Standard: {{configure: {{implementation: a.b.c, inputs: {{v: {value}}}}}}}}}
"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{get_input: [nested, a, 1]}", "y"),
        ("{join: [[a, b, 3], '-']}", "a-b-3"),
        ("{join: not-a-call}", {"join": "not-a-call"}),
        ("{select: [1, [a, b]]}", "b"),
        ("{select: a}", {"select": "a"}),
        ("{get_nodes_of_type: tosca.nodes.ec3.Application}", ["app"]),
        ("{get_attribute: [HOST, endpoint, tls_certificates]}", OwnVariable("IM_NODE_TLS_CERTIFICATES")),
        ("{get_attribute: [box, tosca_id]}", OwnVariable("IM_NODE_VMID", "box")),
        ("{get_attribute: [SELF, tosca_name]}", "app"),
        ("{get_attribute: [SELF, public_address]}", OwnVariable("IM_NODE_PUBLIC_IP")),
        ("{get_attribute: [box, private_address]}", Address("box", "private")),
    ],
)
def test_functions_in_inputs(build: Build, value: str, expected: Any) -> None:
    assert build(FUNCTIONS.format(value=value)).steps[0].inputs["v"] == expected


CONTAINER = """
node_templates:
  app:
    type: tosca.nodes.Container.Application.Docker
    properties: {environment: {A: b}, command: [run, it]}
    artifacts:
      image: {type: tosca.artifacts.Deployment.Image.Container.Docker, file: "docker://grycap/x:1", repository: reg}
      conf: {type: tosca.artifacts.File, file: http://example.org/c, deploy_path: /etc/c, properties: {content: hi}}
    requirements: [{host: run}]
  run:
    type: tosca.nodes.Container.Runtime.Docker
    capabilities:
      host:
        properties:
          num_cpus: 0.5
          mem_size: 512Mi
          publish_ports: [{protocol: tcp, source: 30080, target: 80, endpoint: app.example.org}]
          volumes: ["disk:/data", "other:/tmp/x"]
  disk: {type: tosca.nodes.BlockStorage, properties: {size: 1 GiB}}
"""


def test_containers_of_their_own(build: Build) -> None:
    found = build(CONTAINER).workloads[0]
    assert (found.image, found.count, found.cpus, found.memory) == ("grycap/x:1", 1, 0.5, 512 * 2**20)
    assert (found.ports[0].first, found.ports[0].target, found.dns_name) == (30080, 80, "app.example.org")
    assert [(item["mount"], item["size"]) for item in found.volumes] == [("/data", 2**30), ("/tmp/x", 0)]
    assert found.files == ({"path": "/etc/c", "content": "hi", "reference": ""},)


def test_functions_on_a_cluster_and_elsewhere(build: Build) -> None:
    text = """
node_templates:
  f:
    type: tosca.nodes.aisprint.FaaS.Function
    properties: {name: f, memory: 512 MB, image: i, script: s}
    capabilities: {scalable: {properties: {count: 0}}}
"""
    found = build(text).functions[0]
    assert (found.count, found.group, found.memory, found.properties["image"]) == (0, "", 512 * 10**6, "i")


def test_a_function_on_a_cluster_is_noticed(build: Build) -> None:
    text = """
node_templates:
  box: {type: tosca.nodes.indigo.Compute}
  fe: {type: tosca.nodes.indigo.LRMS.FrontEnd.Kubernetes, requirements: [{host: box}]}
  oscar: {type: tosca.nodes.indigo.OSCAR, requirements: [{host: fe}]}
  f:
    type: tosca.nodes.aisprint.FaaS.Function
    properties: {name: f, memory: 512 MB, image: i, script: s}
    requirements: [{host: oscar}]
"""
    topology = build(text)
    assert topology.functions[0].group == "box"
    assert topology.notices == ("Function 'f' is not made: this version makes no functions on clusters yet.",)


def test_plain_memory_is_mebibytes(build: Build) -> None:
    text = """
inputs: {m: {type: integer, default: 1024}}
node_templates:
  a: {type: tosca.nodes.indigo.Compute, capabilities: {host: {properties: {mem_size: {get_input: m}}}}}
"""
    assert build(text).group("a").memory == 2**30


def test_what_is_not_used_is_noticed(build: Build) -> None:
    text = """
node_templates:
  h: {type: tosca.nodes.im.AnsibleHost, properties: {host: h, credential: {token: t, user: u}}}
"""
    assert build(text).notices == ("Node 'h' is not used: Ansible runs where the template is deployed from.",)


SCALED = """      scalable: {properties: {min_instances: 1, max_instances: 3, default_instances: 2}}
      host:
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("mem_size: 512Mi", "mem_size: many", "bad-size"),
        ('volumes: ["disk:/data"', 'volumes: ["disk"', "bad-type"),
        (
            "image: {type: tosca.artifacts.Deployment.Image.Container.Docker",
            "image: {type: tosca.artifacts.File",
            "missing",
        ),
        ("      host:\n", SCALED, "bad-type"),
    ],
)
def test_containers_that_are_wrong(build: Build, old: str, new: str, expected: str) -> None:
    with pytest.raises(TemplateError) as caught:
        build(CONTAINER.replace(old, new))
    assert caught.value.diagnostics[0].code.startswith(expected), str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("{select: [5, [a, b]]}", "select: there is no part number 5 in the list."),
        ("{join: [{get_input: [nested]}, '-']}", "join needs a list whose length is known before deployment."),
        ("{get_artifact: [SELF, none]}", "Node 'app' has no artifact 'none'."),
        ("{get_nodes_of_type: tosca.nodes.None}", "Nobody declared the type 'tosca.nodes.None'."),
        ("{get_operation_output: [SELF, a]}", "The function has too few arguments."),
        ("{get_operation_output: [SELF, S, configure, x]}", "Input 'v' of 'app' needs something that is only known"),
        ("{get_property: [[], x]}", "The arguments of 'get_property' have no meaning."),
        ("{token: [a, '', 0]}", "token needs a text, a separator and a whole number."),
        ("{get_property: [SOURCE, x]}", "There is no node template 'SOURCE'."),
    ],
)
def test_functions_that_are_wrong(build: Build, value: str, expected: str) -> None:
    with pytest.raises(TemplateError) as caught:
        build(FUNCTIONS.format(value=value))
    assert caught.value.diagnostics[0].message.startswith(expected), str(caught.value)


EDGE = """
node_templates:
  box: {{type: tosca.nodes.indigo.Compute}}
  disk: {{type: tosca.nodes.BlockStorage, properties: {{size: 1 GiB}}}}
  app:
    type: tosca.nodes.SoftwareComponent
    requirements:
      - host: box
      - dependency:
          node: box
          relationship:
            type: tosca.relationships.indigo.AttachesTo
            properties: {{location: /x}}
            interfaces: {{Configure: {{pre_configure_source: {{implementation: a.b.c, inputs: {{v: {value}}}}}}}}}
"""


def test_a_relationship_has_properties(build: Build) -> None:
    assert build(EDGE.format(value="{get_property: [SELF, location]}")).steps[0].inputs == {"v": "/x"}
    for value, message in (
        ("{get_property: [SELF, nothing]}", "The relationship has no property 'nothing'."),
        ("{get_attribute: [SELF, x]}", "SELF is a relationship here, which has properties only."),
    ):
        with pytest.raises(TemplateError, match=message.replace(".", r"\.")):
            build(EDGE.format(value=value))


def test_a_proxy_is_named_in_the_project_by_a_variable(tmp_path: Path) -> None:
    head = "tosca_definitions_version: tosca_simple_yaml_1_0\ntopology_template:\n"
    (tmp_path / "t.yaml").write_text(head + "".join(f"  {line}\n" for line in PROXY.strip().splitlines()))
    found = translate("t.yaml", {"inputs": {"key": "hush"}}, str(tmp_path), Home(str(tmp_path)))
    text = str(render(found)["topology.yml"])
    assert "token_variable: IM_INPUT_NET_PROXY_TOKEN" in text or "token_variable: IM_INPUT_KEY" in text
    assert "hush" not in text


def test_the_last_resort_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.yaml").write_text("tosca_definitions_version: tosca_simple_yaml_1_0\ntopology_template: {}\n")
    monkeypatch.setattr(_translate, "build_topology", lambda _template: 1 / 0)
    with pytest.raises(ContinuumError, match=r"not understood \(ZeroDivisionError in test_profile.py, line \d+\)"):
        translate("t.yaml", {}, str(tmp_path), Home(str(tmp_path)))


def test_what_tasks_printed_and_secrets_in_outputs() -> None:
    outputs = {
        "printed": HostValue("a", ("ansible_output", "p", "tasks", "t", "output")),
        "unknown": HostValue("a", ("ansible_output", "p", "tasks", "x", "output")),
        "secret": Secret.of("hush", "a"),
        "id": OwnVariable("IM_NODE_VMID", "a"),
    }
    host = {"id": 0, "node": "a", "cloud_id": "c", "private_ip": "10.0.0.1", "public_ip": None}
    printed = {"p": {"tasks": {"t": {"state": "ok", "output": "here"}}}}
    found = output_values(encode(outputs), [host], "/k", printed, {"IM_INPUT_A": "hush"})
    assert found == {"printed": "here", "unknown": None, "secret": "hush", "id": "c"}

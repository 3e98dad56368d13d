"""Topologies: host groups, ports, volumes, levels, steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._errors import TemplateError
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import HostGroup, Port, Topology, Volume

Build = Callable[..., Topology]
SSH = Port("tcp", 22, 22, 22)

ONE = """
node_templates:
  box:
    type: tosca.nodes.indigo.Compute
{}
"""


def one(build: Build, text: str) -> HostGroup:
    """Build a topology of one Compute with `text` as its body."""
    return build(ONE.format("".join(f"    {line}\n" for line in text.strip("\n").split("\n")))).groups[0]


def problems(build: Build, text: str) -> list[str]:
    with pytest.raises(TemplateError) as caught:
        build(text)
    return [f"{item.code}: {item.message}" for item in caught.value.diagnostics]


def test_a_bare_compute(build: Build) -> None:
    topology = build(ONE.format(""))
    group = topology.groups[0]
    assert (group.node, group.instance_name, group.count, group.public) == ("box", "box", 1, False)
    assert (group.hostname, group.domain, group.networks) == ("vnode-#N#", "localdomain", ("private",))
    assert [network.name for network in topology.networks] == ["private"]
    assert topology.steps == ()


def test_host_and_os_properties(build: Build) -> None:
    group = one(
        build,
        """
properties: {instance_name: Big_Box, tags: {project: x, n: "1"}}
capabilities:
  host:
    properties: {num_cpus: 4, mem_size: 8 GB, disk_size: 20 GiB, instance_type: m5, num_gpus: 1, gpu_vendor: NVIDIA}
  os: {properties: {distribution: Ubuntu, version: "22.04", architecture: x86_64, image: "docker://x"}}
  scalable: {properties: {count: 3, removal_list: ["2"]}}
""",
    )
    assert (group.cpus, group.memory, group.disk, group.instance_type) == (4, 8 * 10**9, 20 * 2**30, "m5")
    assert (group.distribution, group.version, group.architecture, group.image) == (
        "ubuntu",
        "22.04",
        "x86_64",
        "docker://x",
    )
    assert (group.count, group.remove, group.num_gpus, group.gpu_vendor) == (3, (2,), 1, "NVIDIA")
    assert group.instance_name == "Big_Box"
    assert group.tags == {"project": "x", "n": "1"}


@pytest.mark.parametrize(
    ("endpoint", "public", "networks"),
    [
        ("{network_name: PUBLIC}", True, ("private",)),
        ("{network_name: PRIVATE}", False, ("private",)),
        ("{network_name: pool.PUBLIC}", True, ("private",)),
        ('{network_name: "id,pool"}', True, ("private", "public")),
        ("{network_name: some-id}", False, ("private",)),
        ("{network_name: PUBLIC, private_ip: false}", True, ("public",)),
        ("{private_ip: false}", False, ("private",)),
    ],
)
def test_network_names(build: Build, endpoint: str, public: bool, networks: tuple[str, ...]) -> None:
    group = one(build, f"capabilities: {{endpoint: {{properties: {endpoint}}}}}")
    assert (group.public, group.networks) == (public, networks)


@pytest.mark.parametrize(
    ("name", "hostname", "domain"),
    [("server", "server", "localdomain"), ("s#N#.example.org", "s#N#", "example.org"), ("Front.Lab", "front", "lab")],
)
def test_host_names(build: Build, name: str, hostname: str, domain: str) -> None:
    group = one(build, f'capabilities: {{endpoint: {{properties: {{dns_name: "{name}"}}}}}}')
    assert (group.hostname, group.domain) == (hostname, domain)


@pytest.mark.parametrize(
    ("name", "fits"), [("www.example.org", True), ("*@a.b.c", True), ("a b", False), ("{{x}}", False)]
)
def test_public_names(build: Build, name: str, fits: bool) -> None:
    text = ONE.format(f'    capabilities: {{endpoint: {{properties: {{additional_dns_names: ["{name}", ""]}}}}}}')
    if fits:
        assert build(text).groups[0].dns_names == (name,)
    else:
        assert problems(build, text) == [f"bad-name: '{name}' is not a DNS name."]


def test_a_bad_host_name(build: Build) -> None:
    text = ONE.format('    capabilities: {endpoint: {properties: {dns_name: "a b; rm"}}}')
    assert problems(build, text) == ["bad-name: 'a b; rm' is not a host name."]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("{source: 80}", Port("tcp", 80, 80, 80)),
        ("{source: 80, target: 8080}", Port("tcp", 80, 80, 8080)),
        ("{target: 53, protocol: udp}", Port("udp", 53, 53, 53)),
        ("{source_range: [100, 200], source: 1}", Port("tcp", 100, 200, 100)),
        ("{source: 80, remote_cidr: 10.1.2.3/8}", Port("tcp", 80, 80, 80, "10.0.0.0/8")),
        ('{source: 80, remote_cidr: ""}', Port("tcp", 80, 80, 80)),
    ],
)
def test_ports(build: Build, spec: str, expected: Port) -> None:
    group = one(build, f"capabilities: {{endpoint: {{properties: {{network_name: PUBLIC, ports: {{p: {spec}}}}}}}}}")
    assert group.ports == (SSH, expected)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("{source: 70000}", "Port 'p': '70000' is not a port number."),
        ("{source: 0}", "Port 'p': '0' is not a port number."),
        ("{source: 80, protocol: sctp}", "Port 'p': the protocol 'sctp' is not tcp or udp."),
        ("{protocol: tcp}", "Port 'p': neither 'source' nor 'target' is given."),
        ("{source_range: [9, 1]}", "Port 'p': the range 9-1 is empty."),
        ("{source_range: [9]}", "Port 'p': the range '[9]' is not a list of two numbers."),
        ("{source: 80, remote_cidr: home}", "Port 'p': 'home' is not a network such as 10.0.0.0/8."),
        ("text", "Port 'p': 'text' is not a port specification."),
    ],
)
def test_bad_ports(build: Build, spec: str, message: str) -> None:
    text = f"inputs: {{ports: {{type: map, default: {{p: {spec}}}}}}}\n" + ONE.format(
        "    capabilities: {endpoint: {properties: {network_name: PUBLIC, ports: {get_input: ports}}}}"
    ).strip("\n")
    assert problems(build, text) == [f"bad-port: {message}"]


DISKS = """
inputs:
  size: {{type: scalar-unit.size, default: {size}}}
  id: {{type: string, default: "{id}"}}
node_templates:
  box:
    type: tosca.nodes.indigo.Compute
    requirements:
      - local_storage:
          node: disk
          relationship: {{type: {relationship}, properties: {properties}}}
  disk:
    type: tosca.nodes.BlockStorage
    properties: {{size: {{get_input: size}}, volume_id: {{get_input: id}}}}
"""


@pytest.mark.parametrize(
    ("size", "volume_id", "relationship", "properties", "expected"),
    [
        ("10 GiB", "", "AttachesTo", "{location: /mnt}", (Volume("disk", 10 * 2**30, mount="/mnt"),)),
        ("0 GiB", "", "AttachesTo", "{location: /mnt}", ()),
        ("5 GiB", "ost://x/1", "AttachesTo", "{location: /m}", (Volume("disk", 0, "ost://x/1", mount="/m"),)),
        (
            "1 GiB",
            "",
            "tosca.relationships.indigo.AttachesTo",
            "{fs_type: swap, location: swap}",
            (Volume("disk", 2**30, fs_type="swap"),),
        ),
    ],
)
def test_volumes(
    build: Build, size: str, volume_id: str, relationship: str, properties: str, expected: tuple[Volume, ...]
) -> None:
    text = DISKS.format(size=size, id=volume_id, relationship=relationship, properties=properties)
    assert build(text).groups[0].volumes == expected


def test_a_volume_needs_an_absolute_path(build: Build) -> None:
    text = DISKS.format(size="1 GiB", id="", relationship="AttachesTo", properties="{location: mnt}")
    assert problems(build, text) == ["bad-type: 'mnt' is not a folder to mount a volume on."]


SLURM = """
inputs: {nfs: {type: boolean, default: true}}
node_templates:
  wn:
    type: tosca.nodes.indigo.Compute
    capabilities: {scalable: {properties: {count: 2}}}
  front:
    type: tosca.nodes.indigo.Compute
    capabilities: {endpoint: {properties: {network_name: PUBLIC}}}
  worker:
    type: tosca.nodes.indigo.LRMS.WorkerNode.Slurm
    properties: {front_end_ip: {get_attribute: [front, private_address, 0]}, nfs: {get_input: nfs}}
    requirements: [{host: wn}]
  lrms:
    type: tosca.nodes.indigo.LRMS.FrontEnd.Slurm
    properties: {nfs: {get_input: nfs}}
    requirements: [{host: front}]
"""


def test_steps_come_by_level_then_by_group(build: Build) -> None:
    topology = build(SLURM)
    assert [group.node for group in topology.groups] == ["front", "wn"]
    configure = [
        (step.group, step.role.rpartition(".")[2], step.level) for step in topology.steps if step.phase == "configure"
    ]
    assert configure[0] == ("front", "shared_folder", 2)
    assert ("wn", "slurm_worker", 2) in configure
    assert configure.index(("front", "slurm_controller", 2)) < configure.index(("wn", "slurm_worker", 2))
    leave = [step for step in topology.steps if step.phase == "leave"]
    assert [(step.role, step.entry, step.group) for step in leave] == [
        ("continuum.im.slurm_controller", "drain", "front")
    ]


def test_shares_follow_the_shared_folder_steps(build: Build) -> None:
    assert [group.shares for group in build(SLURM).groups] == [("/home",), ("/home",)]
    assert [group.shares for group in build(SLURM, nfs=False).groups] == [(), ()]


def test_levels_count_along_requirements(build: Build) -> None:
    text = """
node_templates:
  box: {type: tosca.nodes.indigo.Compute}
  a:
    type: tosca.nodes.SoftwareComponent
    requirements: [{host: box}]
    interfaces: {Standard: {configure: {implementation: ns.col.role, inputs: {x: {concat: [a, b]}}}}}
  b:
    type: tosca.nodes.SoftwareComponent
    requirements: [{host: box}, {dependency: a}]
    interfaces: {Standard: {start: ns.col.other/entry}}
"""
    steps = build(text).steps
    assert [(step.name, step.level, step.role, step.entry) for step in steps] == [
        ("a", 2, "ns.col.role", "main"),
        ("b_start", 3, "ns.col.other", "entry"),
    ]
    assert steps[0].inputs == {"x": "ab"}


def test_a_circle_is_reported(build: Build) -> None:
    text = """
node_templates:
  a: {type: tosca.nodes.Root, requirements: [{dependency: b}]}
  b: {type: tosca.nodes.Root, requirements: [{dependency: a}]}
"""
    assert any("circle" in item or "occurrences" in item for item in problems(build, text))


@pytest.mark.parametrize(
    ("implementation", "expected"),
    [
        ('"file:///etc/x.yml"', "files of the controller are never run"),
        ('"ssh://host/x.yml"', "addresses with 'ssh' are not fetched"),
        ('"../x.yml"', "'../x.yml' is neither a role nor a recipe"),
        ("install", "'install' is neither a role nor a recipe"),
        ("{dependencies: [a.yml]}", "it names nothing to run"),
        ("[a, b]", "it is not a list of tasks"),
        ('"a: [\\n"', "its text is not YAML"),
        ("7", "'7' cannot be run"),
    ],
)
def test_what_cannot_be_run_is_reported(build: Build, implementation: str, expected: str) -> None:
    text = f"""
node_templates:
  box:
    type: tosca.nodes.indigo.Compute
    interfaces: {{Standard: {{configure: {{implementation: {implementation}}}}}}}
"""
    assert problems(build, text) == [
        f"recipe: Operation 'configure' of node 'box' (tosca.nodes.indigo.Compute): {expected}."
    ]


def test_an_empty_recipe_is_no_step(build: Build) -> None:
    text = ONE.format(
        '    interfaces: {Standard: {configure: {implementation: "https://example.org/artifacts/dummy.yml"}}}'
    )
    assert build(text).steps == ()


@pytest.mark.parametrize("name", ["ansible_user", "im_groups", "a b", "{{x}}"])
def test_names_of_inputs_of_operations(build: Build, name: str) -> None:
    text = f"""
node_templates:
  box:
    type: tosca.nodes.indigo.Compute
    interfaces: {{Standard: {{configure: {{implementation: a.b.c, inputs: {{"{name}": 1}}}}}}}}
"""
    assert problems(build, text) == [f"bad-name: '{name}' cannot be the name of an operation's input."]


def test_attributes_that_only_outputs_know_are_no_inputs(build: Build) -> None:
    text = """
node_templates:
  box:
    type: tosca.nodes.indigo.Compute
    interfaces:
      Standard:
        configure: {implementation: a.b.c, inputs: {x: {get_attribute: [SELF, endpoint, credential, 0]}}}
"""
    assert problems(build, text) == ["function: Input 'x' of 'box' needs something that is only known in outputs."]


def test_software_without_a_host_is_noticed(build: Build) -> None:
    text = """
node_templates:
  f:
    type: tosca.nodes.Root
    interfaces: {Standard: {configure: a.b.c}}
"""
    assert build(text).notices == ("Node 'f' is on no host, so its operations are not run.",)


@pytest.mark.parametrize("count", ["-1", "many", "1.5"])
def test_bad_counts(build: Build, count: str) -> None:
    text = ONE.format(f"    capabilities: {{scalable: {{properties: {{count: {count}}}}}}}")
    assert problems(build, text)[0].startswith("bad-type")


def test_comparisons_are_lower_bounds(build: Build) -> None:
    group = one(build, "capabilities: {os: {properties: {architecture: {equal: x86_64}}}}")
    assert group.architecture == "x86_64"


def test_a_group_that_is_not_there(build: Build) -> None:
    with pytest.raises(KeyError):
        build(ONE.format("")).group("zz")

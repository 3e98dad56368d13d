# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A RADL document becomes a TOSCA template, so that RADL and TOSCA take the same way.

Systems become Compute nodes, their interfaces Port nodes, disks BlockStorage, `deploy` the number of hosts, and
`configure` sections software nodes whose tasks stand in the template.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from ..errors import BadRequest
from .recipes import tasks_of

_COMPUTE = "tosca.nodes.indigo.Compute"
_SOFTWARE = "tosca.nodes.SoftwareComponent"
_ROLES = ("ansible.modules.", "ansible.roles.")
_COLLECTIONS = "ansible.collections."


def to_tosca(document: Any, counts: dict[str, int] | None = None) -> dict[str, Any]:
    """Return the template of a document; `counts` are the hosts of each system, by default those of `deploy`.

    Raises `BadRequest` for what cannot be expressed.
    """
    if counts is None:
        counts = {item.id: item.vm_number for item in document.deploys}
    nodes: dict[str, Any] = {}
    for network in document.networks:
        if not network.reference:
            nodes[network_node(document, network.id)] = _network(network)
    for system in document.systems:
        if not system.reference:
            nodes.update(_system(document, system, counts.get(system.name, 0)))
    nodes.update(_software(document))
    template: dict[str, Any] = {"tosca_definitions_version": "tosca_simple_yaml_1_0"}
    name = display_name(document)
    if name:
        template["metadata"] = {"infra_name": name}
    template["topology_template"] = {"node_templates": nodes}
    policies = _placements(document)
    if policies:
        template["topology_template"]["policies"] = policies
    return template


def to_tosca_text(document: Any, counts: dict[str, int] | None = None) -> str:
    """Return the text of the template."""
    return yaml.safe_dump(to_tosca(document, counts), sort_keys=False, allow_unicode=True)


def display_name(document: Any) -> str:
    """Return the name in the description ("" when there is none)."""
    found = document.description.getValue("name") if document.description is not None else None
    return str(found) if found else ""


def network_node(document: Any, name: str) -> str:
    """Return the name of the node of a network; systems may have the same name."""
    return f"{name}_network" if any(system.name == name for system in document.systems) else name


def interfaces_of(system: Any) -> list[tuple[int, str]]:
    """Return the numbers and the networks of the interfaces of a system; they end at the first gap."""
    found: list[tuple[int, str]] = []
    while True:
        name = system.getValue(f"net_interface.{len(found)}.connection")
        if not name:
            return found
        found.append((len(found), str(name)))


def _network(network: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {"network_type": "public" if network.getValue("outbound") == "yes" else "private"}
    for feature, name in (("provider_id", "network_name"), ("cidr", "cidr")):
        value = network.getValue(feature)
        if value:
            properties[name] = str(value)
    return {"type": "tosca.nodes.indigo.network.Network", "properties": properties}


def _system(document: Any, system: Any, count: int) -> dict[str, Any]:
    name = system.name
    node: dict[str, Any] = {
        "type": _COMPUTE,
        "capabilities": {
            "scalable": {"properties": {"count": count}},
            "host": {"properties": _host(system)},
            "os": {"properties": _os(system)},
        },
    }
    endpoint = _endpoint(document, system)
    if endpoint:
        node["capabilities"]["endpoint"] = {"properties": endpoint}
    instance_name = system.getValue("instance_name")
    if instance_name:
        node["properties"] = {"instance_name": str(instance_name)}
    nodes = {name: node}
    for index, network in interfaces_of(system):
        nodes[f"{name}_port_{index}"] = _port(document, system, index, network)
    requirements = []
    for index, disk in _disks(system):
        nodes[f"{name}_disk_{index}"] = disk[0]
        requirements.append({"local_storage": {"node": f"{name}_disk_{index}", "relationship": disk[1]}})
    if requirements:
        node["requirements"] = requirements
    return nodes


def _host(system: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    cpus = _number(system, "cpu.count")
    memory = _number(system, "memory.size")
    disk = _number(system, "disk.0.size") or _number(system, "disks.free_size")
    gpus = _number(system, "gpu.count")
    if cpus:
        found["num_cpus"] = math.ceil(cpus)
    if memory:
        found["mem_size"] = f"{math.ceil(memory)} B"
    if disk:
        found["disk_size"] = f"{math.ceil(disk)} B"
    if gpus:
        found["num_gpus"] = math.ceil(gpus)
    for feature, name in (("instance_type", "instance_type"), ("gpu.vendor", "gpu_vendor"), ("gpu.model", "gpu_model")):
        value = system.getValue(feature)
        if value:
            found[name] = str(value)
    if str(system.getValue("spot") or "").lower() == "yes":
        found["preemtible_instance"] = True
    return found


def _os(system: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": str(system.getValue("disk.0.os.name") or "linux")}
    flavour, version = system.getValue("disk.0.os.flavour"), system.getValue("disk.0.os.version")
    architecture = system.getValue("cpu.arch")
    if flavour:
        found["distribution"] = str(flavour)
    if version:
        found["version"] = str(version)
    if architecture:
        found["architecture"] = str(architecture)
    image = image_of(system)
    if image:
        found["image"] = image
    return found


def image_of(system: Any) -> str:
    """Return the address of the image of a system, the first one of a list ("" for none)."""
    found = system.getValue("disk.0.image.url")
    if isinstance(found, list):
        found = found[0] if found else ""
    return str(found or "")


def _endpoint(document: Any, system: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    name = system.getValue("net_interface.0.dns_name")
    if name:
        found["dns_name"] = str(name)
    more = [str(item) for index, _net in interfaces_of(system) for item in _names(system, index)]
    if more:
        found["additional_dns_names"] = more
    ports: dict[str, Any] = {}
    for network in document.networks:
        if any(network.id == used for _index, used in interfaces_of(system)):
            ports.update(_ports(network))
    if ports:
        found["ports"] = ports
    return found


def _names(system: Any, index: int) -> list[Any]:
    found = system.getValue(f"net_interface.{index}.additional_dns_names")
    return found if isinstance(found, list) else []


def _ports(network: Any) -> dict[str, Any]:
    try:
        found = network.getOutPorts() or []
    except Exception:
        raise BadRequest(f"The 'outports' of network '{network.id}' cannot be read.") from None
    ports: dict[str, Any] = {}
    for port in found:
        spec: dict[str, Any] = {"protocol": port.protocol}
        if port.range:
            spec["source_range"] = [port.port_init, port.port_end]
        else:
            spec.update(source=port.port_init, target=port.port_end)
        if port.remote_cidr:
            spec["remote_cidr"] = port.remote_cidr
        ports[f"{network.id}_{port.protocol}_{port.port_init}_{len(ports)}"] = spec
    return ports


def _port(document: Any, system: Any, index: int, network: str) -> dict[str, Any]:
    if not any(item.id == network for item in document.networks):
        raise BadRequest(f"System '{system.name}' is connected to the network '{network}', which is not defined.")
    properties: dict[str, Any] = {"order": index}
    address = system.getValue(f"net_interface.{index}.ip")
    if address:
        properties["ip_address"] = str(address)
    requirements = [{"binding": system.name}, {"link": network_node(document, network)}]
    return {"type": "tosca.nodes.indigo.network.Port", "properties": properties, "requirements": requirements}


def _disks(system: Any) -> list[tuple[int, tuple[dict[str, Any], dict[str, Any]]]]:
    found = []
    numbers = {
        int(key.split(".")[1]) for key in system.props if key.startswith("disk.") and key.split(".")[1].isdigit()
    }
    for index in sorted(numbers - {0}):
        properties: dict[str, Any] = {}
        size = _number(system, f"disk.{index}.size")
        if size:
            properties["size"] = f"{math.ceil(size)} B"
        for feature, name in (("provider_id", "volume_id"), ("type", "type")):
            value = system.getValue(f"disk.{index}.{feature}")
            if value:
                properties[name] = str(value)
        relation: dict[str, Any] = {}
        for feature, name in (("mount_path", "location"), ("device", "device"), ("fstype", "fs_type")):
            value = system.getValue(f"disk.{index}.{feature}")
            if value:
                relation[name] = str(value)
        relation.setdefault("location", "")
        kind = "tosca.relationships.AttachesTo"
        volume = {"type": "tosca.nodes.BlockStorage", "properties": properties}
        found.append((index, (volume, {"type": kind, "properties": relation})))
    return found


def _number(system: Any, feature: str) -> float:
    found = system.getFeature(feature)
    value = found.getValue("B") if found is not None and not isinstance(found, list) else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return float(value)


def _software(document: Any) -> dict[str, Any]:
    """Return one software node for each recipe on each system; those of a step wait for the step before."""
    nodes: dict[str, Any] = {}
    steps = contextualize_items(document)
    before: list[str] = []
    for number in sorted({step for _system_, _configure, step in steps}):
        now: list[str] = []
        for system, configure, step in steps:
            if step != number:
                continue
            section = document.get_configure_by_name(configure)
            tasks = tasks_of(configure, section.recipes if section is not None else None)
            if not tasks:
                continue
            name = f"{system}_configure_{configure}"
            requirements: list[dict[str, str]] = [{"host": system}, *({"dependency": item} for item in before)]
            nodes[name] = {"type": _SOFTWARE, "requirements": requirements, **_galaxy(document, system)}
            nodes[name]["interfaces"] = {"Standard": {"configure": {"implementation": tasks}}}
            now.append(name)
        before = now or before
    return nodes


def contextualize_items(document: Any) -> list[tuple[str, str, int]]:
    """Return (system, configure, step). Without a `contextualize` section each system has the recipe of its name."""
    names = [system.name for system in document.systems]
    items = document.contextualize.items
    if items is None:
        known = {item.name for item in document.configures if not item.reference}
        return [(name, name, 0) for name in names if name in known]
    found = []
    for item in items.values():
        if item.system not in names:
            raise BadRequest(f"'contextualize' names the system '{item.system}', which is not defined.")
        if document.get_configure_by_name(item.configure) is None:
            raise BadRequest(f"'contextualize' names the recipe '{item.configure}', which is not defined.")
        if item.get_ctxt_tool() == "cloud-init":
            raise BadRequest("Recipes for cloud-init are not supported; write Ansible tasks.")
        found.append((item.system, item.configure, int(item.num or 0)))
    return found


def _galaxy(document: Any, system: str) -> dict[str, Any]:
    """Return the roles and collections that the applications of a system name."""
    found = document.get_system_by_name(system).getValue("disk.0.applications") or {}
    artifacts: dict[str, Any] = {}
    for index, item in enumerate(found.values() if isinstance(found, dict) else ()):
        name, version = str(item.value.getValue("name") or ""), item.value.getValue("version")
        kind = "role"
        if name.startswith(_COLLECTIONS):
            kind, name = "collection", name.removeprefix(_COLLECTIONS)
        elif name.startswith(_ROLES):
            name = name.removeprefix(_ROLES[0]).removeprefix(_ROLES[1])
        else:
            continue
        file = f"{name},{version}" if version else name
        artifacts[f"galaxy_{index}"] = {"type": f"tosca.artifacts.AnsibleGalaxy.{kind}", "file": file}
    return {"artifacts": artifacts} if artifacts else {}


def _placements(document: Any) -> list[dict[str, Any]]:
    clouds: dict[str, list[str]] = {}
    for item in document.deploys:
        if item.cloud_id:
            clouds.setdefault(str(item.cloud_id), []).append(item.id)
    return [
        {
            f"deploy_on_{cloud}": {
                "type": "tosca.policies.Placement",
                "targets": systems,
                "properties": {"cloud_id": cloud},
            }
        }
        for cloud, systems in clouds.items()
    ]

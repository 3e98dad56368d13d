# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RADL of a topology: what `GET .../radl` shows for an infrastructure that was made from TOSCA."""

from __future__ import annotations

import re
from typing import Any

import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import (
    HostGroup,
    Network,
    Port,
    Step,
    Topology,
)
from radl.radl import RADL, Feature, configure, contextualize, contextualize_item, deploy, description, network, system

_WORD = re.compile(r"[^A-Za-z0-9_.-]")


def from_topology(topology: Topology, name: str, counts: dict[str, int]) -> Any:
    """Return the RADL document of a topology; `counts` are what `deploy` says."""
    found = RADL()
    if name:
        found.add(description("desc", [Feature("name", "=", name)]))
    ports = _ports_by_network(topology)
    for item in topology.networks:
        found.add(network(shown(item.name), _network(item, ports.get(item.name, ()))))
    if found.get_network_by_id("public_net") is None and any(
        "public_net" in networks_of(group, topology) for group in topology.groups
    ):
        found.add(network("public_net", _network(Network("public_net", True), ports.get("public_net", ()))))
    for group in topology.groups:
        found.add(system(word(group.node), system_features(group, topology)))
    _add_steps(found, topology)
    for group in topology.groups:
        if counts.get(group.node):
            found.add(deploy(word(group.node), counts[group.node], word(group.cloud_id) or None))
    return found


def shown(name: str) -> str:
    """Return the name of a network; those that no template names are called as clients know them."""
    return word({"private": "private_net", "public": "public_net"}.get(name, name))


def word(name: str) -> str:
    """Return a name as RADL writes it, without quotes."""
    return _WORD.sub("_", name)


def system_features(group: HostGroup, topology: Topology) -> list[Any]:
    """Return what a host group asks for."""
    found = [Feature("instance_name", "=", group.instance_name), Feature("disk.0.os.name", "=", "linux")]

    def say(key: str, value: Any) -> None:
        if value:
            found.append(Feature(key, "=", value))

    say("disk.0.os.flavour", group.distribution)
    say("disk.0.os.version", group.version)
    say("disk.0.image.url", group.image)
    say("cpu.arch", group.architecture)
    say("instance_type", group.instance_type)
    if group.cpus:
        found.append(Feature("cpu.count", ">=", int(group.cpus) if group.cpus == int(group.cpus) else group.cpus))
    if group.memory:
        found.append(Feature("memory.size", ">=", group.memory, unit="B"))
    if group.disk:
        found.append(Feature("disks.free_size", ">=", group.disk, unit="B"))
    if group.num_gpus:
        found.append(Feature("gpu.count", ">=", group.num_gpus))
    say("gpu.vendor", group.gpu_vendor)
    say("gpu.model", group.gpu_model)
    for index, name in enumerate(networks_of(group, topology)):
        found.append(Feature(f"net_interface.{index}.connection", "=", shown(name)))
    if group.hostname and group.hostname != "vnode-#N#":
        found.append(Feature("net_interface.0.dns_name", "=", group.hostname))
    if group.dns_names:
        found.append(Feature("net_interface.0.additional_dns_names", "=", list(group.dns_names)))
    for index, volume in enumerate(group.volumes, 1):
        if volume.size:
            found.append(Feature(f"disk.{index}.size", "=", volume.size, unit="B"))
        say(f"disk.{index}.provider_id", volume.volume_id)
        say(f"disk.{index}.device", volume.device)
        say(f"disk.{index}.mount_path", volume.mount)
        say(f"disk.{index}.fstype", volume.fs_type if volume.mount else "")
        say(f"disk.{index}.type", volume.type)
    return found


def networks_of(group: HostGroup, topology: Topology) -> list[str]:
    """Return the networks of a group, the private ones first, and a public one if the group is public at all."""
    public = {item.name for item in topology.networks if item.public}
    names = [name for name in group.networks if name not in public] + [
        name for name in group.networks if name in public
    ]
    if group.public and not public.intersection(names):
        names.append("public_net")
    return names


def _ports_by_network(topology: Topology) -> dict[str, tuple[Port, ...]]:
    found: dict[str, dict[Port, None]] = {}
    for group in topology.groups:
        for name in networks_of(group, topology):
            if _is_public(topology, name):
                found.setdefault(name, {}).update(dict.fromkeys(port for port in group.ports if port.first != 22))
    return {name: tuple(ports) for name, ports in found.items()}


def _is_public(topology: Topology, name: str) -> bool:
    return name == "public_net" or any(item.public and item.name == name for item in topology.networks)


def _network(item: Any, ports: tuple[Port, ...]) -> list[Any]:
    found = [Feature("outbound", "=", "yes" if item.public else "no")]
    if ports:
        found.append(Feature("outports", "=", outports(ports)))
    if item.provider_id:
        found.append(Feature("provider_id", "=", item.provider_id))
    if item.cidr:
        found.append(Feature("cidr", "=", item.cidr))
    return found


def outports(ports: tuple[Port, ...]) -> str:
    """Return ports as RADL writes them: `80/tcp-8080/tcp`, a range as `1:9/tcp`, the source addresses before it."""
    return ",".join(_outport(port) for port in ports)


def _outport(port: Port) -> str:
    where = f"{port.remote_cidr}-" if port.remote_cidr and ":" not in port.remote_cidr else ""
    if port.first != port.last:
        return f"{where}{port.first}:{port.last}/{port.protocol}"
    return f"{where}{port.first}/{port.protocol}-{port.target}/{port.protocol}"


def _add_steps(found: Any, topology: Topology) -> None:
    """Show what is configured where; secret values are left out with all other inputs."""
    items = []
    steps = [step for step in topology.steps if step.phase == "configure"]
    for number, level in enumerate(sorted({step.level for step in steps})):
        for step in steps:
            if step.level == level:
                found.add(configure(word(step.name), _recipe(step)), ifpresent="replace")
                items.append(contextualize_item(word(step.group), word(step.name), num=number + 1))
    found.add(contextualize(items))


def _recipe(step: Step) -> str:
    if step.recipe is not None and step.recipe.tasks:
        tasks: list[Any] = list(step.recipe.tasks)
    elif step.recipe is not None:
        tasks = [{"name": step.name, "ansible.builtin.import_tasks": step.recipe.reference}]
    else:
        tasks = [{"name": step.name, "ansible.builtin.include_role": {"name": step.role, "tasks_from": step.entry}}]
    return "---\n" + yaml.safe_dump([{"hosts": step.group, "tasks": tasks}], sort_keys=False).rstrip()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as RADL: all networks and exactly one system, with what is known of the host."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from radl.radl import RADL, Feature, network, system

from .writer import document_json, document_text

_SSH = 22
_IMPLIED = "private_net"
_IMPLIED_PUBLIC = "public_net"
_SECRET = (
    "disk.0.os.credentials.password",
    "disk.0.os.credentials.new.password",
    "disk.0.os.credentials.new.private_key",
    "disk.0.os.credentials.private_key",
    "disk.0.os.credentials.public_key",
)


@dataclass(frozen=True)
class Host:
    """What is known of a host. `facts` are those of the cloud, `system` is the name of its system."""

    number: int
    system: str
    state: str
    cloud_type: str
    cloud_host: str = ""
    cloud_port: int | None = None
    cloud_vo: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    instance_id: str = ""
    instance_name: str = ""
    launch_time: int | None = None
    private_key: str = ""


def vm_document(definition: Any, host: Host) -> Any:
    """Return the RADL document of a host; `definition` is that of its infrastructure."""
    found = RADL()
    for item in definition.networks:
        if not item.reference:
            found.add(copy.deepcopy(item))
    known = definition.get_system_by_name(host.system)
    one = copy.deepcopy(known) if known is not None else system(host.system, [Feature("disk.0.os.name", "=", "linux")])
    for name in _SECRET:
        one.delValue(name)
    found.add(one)
    _set_sizes(one, host)
    _set(one, "state", host.state)
    _set(one, "provider.type", host.cloud_type)
    if host.cloud_host:
        _set(one, "provider.host", host.cloud_host)
    if host.cloud_port:
        _set(one, "provider.port", host.cloud_port)
    if host.cloud_vo:
        _set(one, "provider.vo", host.cloud_vo)
    if host.instance_id:
        _set(one, "instance_id", host.instance_id)
        _set(one, "instance_name", host.instance_name or one.getValue("instance_name") or host.system)
    if host.launch_time is not None:
        _set(one, "launch_time", host.launch_time)
    _set_addresses(found, one, host)
    _set_names(one, host)
    _set_credentials(one, host)
    return found


def vm_text(definition: Any, host: Host) -> str:
    """Return the RADL text of a host."""
    return document_text(vm_document(definition, host))


def vm_json(definition: Any, host: Host) -> list[dict[str, Any]]:
    """Return the RADL of a host as a list of flat objects, sizes in bytes."""
    return document_json(vm_document(definition, host))


def vm_property(definition: Any, host: Host, name: str) -> Any:
    """Return one property of the system, a size in bytes; None when it is unknown."""
    values = vm_json(definition, host)[-1]
    if name in ("class", "id"):
        return None
    return next((values[key] for key in (name, f"{name}_min", f"{name}_max") if key in values), None)


def _set(one: Any, name: str, value: Any, unit: str = "") -> None:
    one.delValue(name)
    one.addFeature(Feature(name, "=", value, unit=unit))


def _set_sizes(one: Any, host: Host) -> None:
    values = host.facts
    cpus, memory, gpus = values.get("cpus"), values.get("memory"), values.get("num_gpus")
    if cpus and cpus != _asked(one, "cpu.count"):
        _set(one, "cpu.count", int(cpus) if cpus == int(cpus) else cpus)
    if memory and memory != _asked(one, "memory.size"):
        _set(one, "memory.size", int(memory), "B")
    if gpus:
        _set(one, "gpu.count", int(gpus))
    kind = host.facts.get("instance_type")
    if kind:
        _set(one, "instance_type", str(kind))


def _asked(one: Any, name: str) -> Any:
    found = one.getFeature(name)
    return None if found is None else found.getValue("B")


def _set_addresses(found: Any, one: Any, host: Host) -> None:
    """Addresses go to the interfaces of their networks; one without an interface gets one, there are no gaps."""
    private, (public, port) = host.facts.get("private_ip"), _door(host)
    nets = {item.id: item.isPublic() for item in found.networks}
    links: list[str] = []
    while one.getValue(f"net_interface.{len(links)}.connection"):
        links.append(str(one.getValue(f"net_interface.{len(links)}.connection")))
    _drop_other_interfaces(one, len(links))
    if public and not any(nets.get(name) for name in links):
        links.append(_link(found, one, len(links), _IMPLIED_PUBLIC, True))
        nets[_IMPLIED_PUBLIC] = True
    if not links:
        links.append(_link(found, one, 0, _IMPLIED, False))
    free = [index for index in range(len(links)) if not nets.get(links[index])]
    for index, name in enumerate(links):
        one.delValue(f"net_interface.{index}.ip")
        if nets.get(name) and public:
            _set(one, f"net_interface.{index}.ip", str(public))
            _set_port(found.get_network_by_id(name), port)
            public = None
    if private:
        target = free[0] if free else next(
            (index for index in range(len(links)) if not one.getValue(f"net_interface.{index}.ip")), None
        )  # fmt: skip
        if target is not None:
            _set(one, f"net_interface.{target}.ip", str(private))


def _door(host: Host) -> tuple[str | None, int]:
    """Return the address from outside and the port of SSH there: some hosts stand behind a door of another number."""
    public, address = host.facts.get("public_ip"), host.facts.get("ssh_address")
    port = host.facts.get("ssh_port") or _SSH
    if address and not host.facts.get("jump") and (not public or port != _SSH):
        return str(address), int(port)
    return (str(public) if public else None), _SSH


def _set_port(net: Any, port: int) -> None:
    """Clients look for the port that leads to 22 among those of the public network."""
    if port != _SSH:
        known = net.getValue("outports")
        net.delValue("outports")
        net.addFeature(Feature("outports", "=", f"{port}/tcp-{_SSH}/tcp" + (f",{known}" if known else "")))


def _link(found: Any, one: Any, index: int, name: str, public: bool) -> str:
    if found.get_network_by_id(name) is None:
        found.add(network.createNetwork(name, public))
    _set(one, f"net_interface.{index}.connection", name)
    return name


def _drop_other_interfaces(one: Any, count: int) -> None:
    """Clients stop at the first gap, so that there is nothing behind one."""
    for name in list(one.props):
        parts = name.split(".")
        if parts[0] == "net_interface" and len(parts) > 2 and parts[1].isdigit() and int(parts[1]) >= max(count, 1):
            one.delValue(name)


def _set_names(one: Any, host: Host) -> None:
    for name in [key for key in one.props if key.startswith("net_interface.") and key.endswith("dns_name")]:
        if "#N#" in str(one.getValue(name)):
            _set(one, name, str(one.getValue(name)).replace("#N#", str(host.number)))
    if not one.getValue("net_interface.0.dns_name"):
        label = str(host.facts.get("hostname") or f"vnode-{host.number}")
        _set(one, "net_interface.0.dns_name", label)
        _set(one, "net_interface.0.dns.0.name", label)


def _set_credentials(one: Any, host: Host) -> None:
    user, password = host.facts.get("user"), host.facts.get("password")
    if user:
        _set(one, "disk.0.os.credentials.username", str(user))
    if password:
        _set(one, "disk.0.os.credentials.password", str(password))
    elif host.private_key and host.facts:
        _set(one, "disk.0.os.credentials.private_key", host.private_key)

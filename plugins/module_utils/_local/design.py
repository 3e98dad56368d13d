# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the contract to what the engine is told about each new host: pure."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._hosts.model import PLANNED, Group, Host, HostsError, Network, Port, Slot
from .._hosts.options import host_name, slug
from . import seen
from .network import choose_address
from .storage import ENGINE_NAME, Mount, instance_name, mounts_of

LEAST_MEMORY = 256 * 1024**2
MOST_PORTS = 1024
KEY_VARIABLE = "CONTINUUM_AUTHORIZED_KEY"
FQDN_VARIABLE = "CONTINUUM_FQDN"

PickPort = Callable[[str, int, int], "int | None"]


@dataclass(frozen=True)
class Place:
    """A network of the contract as the engine knows it."""

    network: Network
    engine_name: str
    subnet: ipaddress.IPv4Network
    exists: bool


@dataclass(frozen=True)
class Image:
    """An image that boots, and its login user."""

    tag: str
    user: str


@dataclass(frozen=True)
class Surroundings:
    """What new hosts find: the networks by their name in the contract, the images by group, and this machine.

    `pick_port` finds free ports of the machine: protocol, first choice, how many in a row.
    """

    places: Mapping[str, Place]
    images: Mapping[str, Image]
    pick_port: PickPort
    cpu_count: int
    publish_address: str


@dataclass(frozen=True)
class NewHost:
    """A host to create."""

    slot: Slot
    name: str
    hostname: str
    fqdn: str
    image: Image
    addresses: tuple[tuple[str, str], ...]
    mounts: tuple[Mount, ...]
    ports: tuple[Mapping[str, Any], ...]
    cpus: float
    memory: int
    shares: tuple[str, ...]
    public_ip: str | None
    private_ip: str
    tags: Mapping[str, str]

    def facts(self) -> dict[str, Any]:
        """Return what the host bears as a label, so that one list of the engine tells all about it."""
        return {
            "hostname": self.hostname,
            "fqdn": self.fqdn,
            "user": self.image.user,
            "public_ip": self.public_ip,
            "private_ip": self.private_ip,
            "shares": list(self.shares),
            "ports": [dict(port) for port in self.ports],
            "cpus": self.cpus,
            "memory": self.memory,
            "addresses": dict(self.addresses),
            "volumes": [mount.volume for mount in self.mounts],
            "image": self.image.tag,
        }

    def moved(self, addresses: Mapping[str, str]) -> NewHost:
        """Return the host with other addresses, by network."""
        now = {old: addresses[name] for name, old in self.addresses}
        return replace(
            self,
            addresses=tuple(addresses.items()),
            public_ip=now.get(self.public_ip or "", self.public_ip),
            private_ip=now.get(self.private_ip, self.private_ip),
        )

    def as_host(self) -> Host:
        """Return the host as it will be, for a plan."""
        return Host(self.slot.id, self.slot.node, self.name, "", PLANNED, self.facts())


def engine_network(infrastructure: str, network: Network) -> str:
    """Return the name of a network in the engine; raises HostsError when a template asks for an impossible one."""
    if network.provider_id:
        if not ENGINE_NAME.fullmatch(network.provider_id):
            raise HostsError(f"{network.provider_id!r} is not the name of a network of the container engine.")
        return network.provider_id
    return f"{infrastructure}-{slug(network.name)}"


def networks_of(group: Group, networks: Sequence[Network]) -> list[Network]:
    """Return the networks of a group, the first of all when it names none."""
    known = {network.name: network for network in networks}
    return [known[name] for name in group.networks] or list(networks[:1])


def key_mark(key: str) -> str:
    """Return what a host bears to tell which key opens it."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def design_hosts(
    infrastructure: str, groups: Sequence[Group], create: Iterable[Slot], others: Iterable[Host], around: Surroundings
) -> list[NewHost]:
    """Return the hosts to create; `others` are those that stay.

    Raises HostsError when an address, a port or a name cannot be had.
    """
    slots, staying = list(create), list(others)
    everyone = [*slots, *(Slot(host.id, host.node) for host in staying)]
    used = {place.engine_name: _used(place.engine_name, staying) for place in around.places.values()}
    by_node = {group.node: group for group in groups}
    result = []
    for slot in slots:
        group = slot.sized(by_node[slot.node])
        addresses = []
        for place in _places_of(group, around.places):
            fixed = group.addresses.get(place.network.name, "") if group.count == 1 else ""
            address = choose_address(place.subnet, slot.id, used[place.engine_name], fixed)
            used[place.engine_name].add(address)
            addresses.append((place, address))
        mounts = mounts_of(infrastructure, groups, slot, everyone)
        result.append(_host(infrastructure, group, slot, addresses, mounts, around))
    return result


def run_options(host: NewHost, infrastructure: str, public_key: str, limits: bool) -> list[str]:
    """Return the words after `podman run` or `docker run` that both engines understand, without networks and image."""
    labels = {
        **host.tags,
        seen.INFRASTRUCTURE: infrastructure,
        seen.NODE: host.slot.node,
        seen.INSTANCE: str(host.slot.id),
        seen.FACTS: json.dumps({**host.facts(), "key": key_mark(public_key)}, sort_keys=True, separators=(",", ":")),
    }
    words = ["--name", host.name, "--hostname", host.hostname]
    words += [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    words += ["--env", f"{KEY_VARIABLE}={public_key}", "--env", f"{FQDN_VARIABLE}={host.fqdn}"]
    words += [word for mount in host.mounts for word in ("--volume", f"{mount.volume}:{mount.path}")]
    words += [word for port in host.ports for word in ("--publish", _publish_word(port))]
    if limits:
        words += ["--cpus", f"{host.cpus:g}"]
        words += ["--memory", str(max(host.memory, LEAST_MEMORY))] if host.memory else []
    return words


def design_warnings(groups: Iterable[Group], cpu_count: int) -> list[str]:
    """Return what new hosts do not get although the template asks for it."""
    result = []
    for group in groups:
        if group.cpus > cpu_count:
            result.append(f"Group {group.node} asks for {group.cpus:g} CPUs, this machine has {cpu_count}.")
        wide = [port for port in _public_ports(group) if port.last - port.first >= MOST_PORTS]
        if wide:
            ports = f"{wide[0].first}-{wide[0].last}"
            result.append(f"Group {group.node}: ports {ports} are too many to publish; use the host's address.")
    return result


def cpus_of(group: Group, cpu_count: int) -> float:
    """Return how many CPUs a host of a group gets on this machine."""
    return _plain(min(group.cpus or 1, cpu_count))


def _host(
    infrastructure: str,
    group: Group,
    slot: Slot,
    addresses: Sequence[tuple[Place, str]],
    mounts: Sequence[Mount],
    around: Surroundings,
) -> NewHost:
    hostname, fqdn = host_name(group, slot.id)
    inside = [address for place, address in addresses if not place.network.public]
    outside = [address for place, address in addresses if place.network.public]
    return NewHost(
        slot=slot,
        name=instance_name(infrastructure, group, slot.id),
        hostname=hostname,
        fqdn=fqdn,
        image=around.images[group.node],
        addresses=tuple((place.engine_name, address) for place, address in addresses),
        mounts=tuple(mounts),
        ports=tuple(_publish(group, around)),
        cpus=cpus_of(group, around.cpu_count),
        memory=group.memory,
        shares=group.shares,
        public_ip=(outside + inside)[0] if group.public else None,
        private_ip=(inside + outside)[0],
        tags=group.tags,
    )


def _places_of(group: Group, places: Mapping[str, Place]) -> list[Place]:
    return [places[network.name] for network in networks_of(group, [place.network for place in places.values()])]


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def _used(engine_name: str, hosts: Iterable[Host]) -> set[str]:
    return {host.facts.get("addresses", {}).get(engine_name, "") for host in hosts}


def _public_ports(group: Group) -> list[Port]:
    ports = [port for port in group.ports if port.protocol in ("tcp", "udp")] if group.public else []
    return [port for port in ports if not (port.protocol == "tcp" and port.first == port.last and port.target == 22)]


def _publish(group: Group, around: Surroundings) -> list[dict[str, Any]]:
    result = []
    for port in _public_ports(group):
        size = port.last - port.first + 1
        if size > MOST_PORTS:
            continue
        number = around.pick_port(port.protocol, port.first, size)
        if number is None:
            raise HostsError(f"No port from {port.first} on is free on this machine for group {group.node}.")
        outside = {"host_address": around.publish_address, "host_port": number}
        result.append({"protocol": port.protocol, **outside, "target": port.target, "count": size})
    return result


def _publish_word(port: Mapping[str, Any]) -> str:
    last = port["count"] - 1
    outside = f"{port['host_port']}-{port['host_port'] + last}" if last else f"{port['host_port']}"
    inside = f"{port['target']}-{port['target'] + last}" if last else f"{port['target']}"
    return f"{port['host_address']}:{outside}:{inside}/{port['protocol']}"

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine has, read from its answers: pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._hosts.model import BROKEN, RUNNING, STOPPED, Host

INFRASTRUCTURE = "im_infrastructure"
NODE = "im_node"
INSTANCE = "im_instance"
FACTS = "im_facts"
NETWORK = "im_network"
VOLUME = "im_volume"
SHARE = "im_share"
LAST = "im_last"
SIZE = "im_size"
ADDRESSES = "im_addresses"

STOPPING = "stopping"
_STATES = {"running": RUNNING, "restarting": RUNNING, "removing": BROKEN, "dead": BROKEN, "unknown": BROKEN}


@dataclass(frozen=True)
class SeenNetwork:
    """A network of the engine; `subnets` are texts like 10.77.0.0/22."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    subnets: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeenVolume:
    """A volume of the engine."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_memory(self) -> bool:
        """True for one that no host mounts: its labels remember something."""
        return any(label in self.labels for label in (LAST, SIZE, ADDRESSES))


@dataclass(frozen=True)
class Seen:
    """All that bears the label of an infrastructure, and all networks of the machine."""

    hosts: tuple[Host, ...] = ()
    networks: tuple[SeenNetwork, ...] = ()
    volumes: tuple[SeenVolume, ...] = ()
    all_networks: tuple[SeenNetwork, ...] = ()

    @property
    def marks(self) -> dict[str, int]:
        """Return the volumes that remember the highest number, by name."""
        found = {volume.name: volume.labels.get(LAST, "") for volume in self.volumes}
        return {name: int(text) for name, text in found.items() if text.isdigit()}

    @property
    def last(self) -> int:
        """Return the highest number ever used as far as the labels know, -1 for none."""
        return max([-1, *self.marks.values(), *(host.id for host in self.hosts)])


def read_podman_hosts(answer: Iterable[Mapping[str, Any]]) -> list[Host]:
    """Return the hosts in the answer of `podman ps --format json`."""
    found = [_host(item["Id"], item["Names"][0], item.get("Labels"), str(item["State"])) for item in answer]
    return _in_order(found)


def read_docker_hosts(answer: Iterable[Mapping[str, Any]]) -> list[Host]:
    """Return the hosts in the answer of `docker inspect`."""
    found = [
        _host(item["Id"], item["Name"].lstrip("/"), item["Config"].get("Labels"), item["State"]["Status"])
        for item in answer
    ]
    return _in_order(found)


def read_podman_networks(answer: Iterable[Mapping[str, Any]]) -> list[SeenNetwork]:
    """Return the networks in the answer of `podman network ls --format json`."""
    return [
        SeenNetwork(
            item["name"], item.get("labels") or {}, tuple(entry["subnet"] for entry in item.get("subnets") or [])
        )
        for item in answer
    ]


def read_docker_networks(answer: Iterable[Mapping[str, Any]]) -> list[SeenNetwork]:
    """Return the networks in the answer of `docker network inspect`."""
    result = []
    for item in answer:
        config = (item.get("IPAM") or {}).get("Config") or []
        subnets = tuple(entry["Subnet"] for entry in config if entry.get("Subnet"))
        result.append(SeenNetwork(item["Name"], item.get("Labels") or {}, subnets))
    return result


def read_volumes(answer: Iterable[Mapping[str, Any]]) -> list[SeenVolume]:
    """Return the volumes in the answer of `podman volume ls --format json` or `docker volume inspect`."""
    return [SeenVolume(item["Name"], item.get("Labels") or {}) for item in answer]


def with_changes(hosts: Iterable[Host], volumes: Iterable[SeenVolume]) -> list[Host]:
    """Return hosts with the sizes and addresses that they got later, which volumes remember.

    Such hosts are `resized` and `moved`.
    """
    kept = list(volumes)
    sizes = {item.labels.get(INSTANCE): item.labels[SIZE] for item in kept if SIZE in item.labels}
    places = {item.labels.get(INSTANCE): item.labels[ADDRESSES] for item in kept if ADDRESSES in item.labels}
    result = []
    for host in hosts:
        facts = moved(host.facts, read_addresses(places.get(str(host.id), "")))
        result.append(replace(host, facts={**facts, **_size(sizes.get(str(host.id), ""))}))
    return result


def write_addresses(addresses: Mapping[str, str]) -> str:
    """Return addresses by network as a text without quotes and commas, which podman takes apart."""
    return "/".join(f"{name}:{address}" for name, address in sorted(addresses.items()))


def read_addresses(text: str) -> dict[str, str]:
    """Return the addresses by network that `write_addresses` has written."""
    pairs = (item.partition(":") for item in text.split("/"))
    return {name: address for name, _colon, address in pairs if name and address}


def moved(facts: Mapping[str, Any], addresses: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a host with other addresses, by network; as they are without any."""
    before = facts.get("addresses") or {}
    new = {name: str(address) for name, address in addresses.items() if name in before}
    if not new:
        return dict(facts)
    now = {before[name]: address for name, address in new.items()}
    own = {name: now.get(str(facts.get(name)), facts.get(name)) for name in ("public_ip", "private_ip")}
    return {**facts, **own, "addresses": {**before, **new}, "moved": True}


def _size(text: str) -> dict[str, Any]:
    cpus, _slash, memory = text.partition("/")
    try:
        number = float(cpus)
        return {"cpus": int(number) if number == int(number) else number, "memory": int(memory), "resized": True}
    except ValueError:
        return {}


def read_facts(text: str | None) -> dict[str, Any]:
    """Return the facts that a host bears as a label, an empty mapping when there are none."""
    try:
        facts = json.loads(text or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _in_order(found: Iterable[Host | None]) -> list[Host]:
    return sorted((host for host in found if host is not None), key=lambda host: host.id)


def _host(cloud_id: str, name: str, labels: Mapping[str, str] | None, status: str) -> Host | None:
    known = labels or {}
    if not known.get(INSTANCE, "").isdigit():
        return None
    state = _STATES.get(status.lower(), STOPPED)
    facts = read_facts(known.get(FACTS))
    if status.lower() == STOPPING:
        # Podman that is killed while it stops a container leaves this word, and maybe a container that runs.
        facts[STOPPING] = True
    return Host(int(known[INSTANCE]), known.get(NODE, ""), name, cloud_id, state, facts)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the contract of a cloud as plain dataclasses (docs/architecture.md, "The contract of a cloud")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

RUNNING = "running"
STOPPED = "stopped"
BROKEN = "broken"
PLANNED = "planned"


class HostsError(Exception):
    """A problem a person can act on: one sentence what is wrong, one hint."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} Hint: {hint}" if hint else message)


@dataclass(frozen=True)
class Network:
    """A network of the contract."""

    name: str
    public: bool = False
    cidr: str | None = None
    provider_id: str | None = None
    gateway: str = ""
    proxy: Mapping[str, str] | None = None


# The network of hosts whose template names none.
DEFAULT_NETWORK = Network("default")


@dataclass(frozen=True)
class Port:
    """A range of ports that the outside may reach."""

    protocol: str
    first: int
    last: int
    target: int
    remote_cidr: str | None = None


@dataclass(frozen=True)
class Volume:
    """A block volume that each host of a group has."""

    name: str
    size: int = 0
    volume_id: str = ""
    type: str = ""
    device: str = ""
    mount: str = ""
    fs_type: str = "ext4"


@dataclass(frozen=True)
class Group:
    """A host group of the contract."""

    node: str
    instance_name: str
    count: int
    remove: tuple[int, ...] = ()
    hostname: str = "vnode-#N#"
    domain: str = "localdomain"
    public: bool = False
    cpus: float = 1
    memory: int = 0
    disk: int = 0
    instance_type: str = ""
    image: str = ""
    distribution: str = ""
    version: str = ""
    architecture: str = ""
    networks: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    shares: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    dns_names: tuple[str, ...] = ()
    num_gpus: int = 0
    gpu_vendor: str = ""
    gpu_model: str = ""
    preemptible: bool = False
    disk_type: str = ""
    cloud_id: str = ""
    availability_zone: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)
    additional_ips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Slot:
    """A host that is wanted: its number, its group, and its size where it has one of its own.

    Without a size it has that of its group. Two slots of one number and group are the same host, whatever their size.
    """

    id: int
    node: str
    cpus: float | None = field(default=None, compare=False)
    memory: int | None = field(default=None, compare=False)
    instance_type: str | None = field(default=None, compare=False)

    @property
    def size(self) -> tuple[float | None, int | None, str | None]:
        """The size of its own; nothing but None without one."""
        return self.cpus, self.memory, self.instance_type

    def sized(self, group: Group) -> Group:
        """Return its group, with the size of its own."""
        return replace(
            group,
            cpus=group.cpus if self.cpus is None else self.cpus,
            memory=group.memory if self.memory is None else self.memory,
            instance_type=group.instance_type if self.instance_type is None else self.instance_type,
        )


def group_of(groups: Iterable[Group], wanted: Iterable[Slot] | None, number: int, node: str) -> Group:
    """Return the group of a host, with the size that this one host is wanted with."""
    group = next(item for item in groups if item.node == node)
    slot = next((item for item in wanted or () if item.id == number), None)
    return slot.sized(group) if slot else group


@dataclass(frozen=True)
class Host:
    """A host that the cloud has. `facts` is what the driver knows beyond its tags."""

    id: int
    node: str
    name: str
    cloud_id: str
    state: str
    facts: dict[str, Any] = field(default_factory=dict)

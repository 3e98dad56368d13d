# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of the contract of a cloud as plain dataclasses (docs/architecture.md, "The contract of a cloud")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """A host that is wanted: its number and its group."""

    id: int
    node: str


@dataclass(frozen=True)
class Host:
    """A host that the cloud has. `facts` is what the driver knows beyond its tags."""

    id: int
    node: str
    name: str
    cloud_id: str
    state: str
    facts: dict[str, Any] = field(default_factory=dict)

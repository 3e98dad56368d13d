# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a template asks for, without TOSCA: plain dataclasses.

Sizes are bytes, counts are whole numbers. Values of `Step.inputs` and `Topology.outputs` may hold expressions
(`_parse/expressions.py`); everything else is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Port:
    """Ports `first`..`last` that the outside may reach; they lead to `target`.. on the host."""

    protocol: str
    first: int
    last: int
    target: int
    remote_cidr: str | None = None


@dataclass(frozen=True)
class Volume:
    """A block volume attached to each host of a group; without `mount` it is attached only."""

    name: str
    size: int
    volume_id: str = ""
    type: str = ""
    device: str = ""
    mount: str = ""
    fs_type: str = "ext4"


@dataclass(frozen=True)
class Network:
    """A network that hosts share; `provider_id` names one that exists already."""

    name: str
    public: bool
    cidr: str | None = None
    provider_id: str | None = None


@dataclass(frozen=True)
class HostGroup:
    """A Compute node template: `count` equal hosts."""

    node: str
    instance_name: str
    count: int
    hostname: str
    domain: str
    public: bool
    cpus: float
    memory: int
    disk: int = 0
    remove: tuple[int, ...] = ()
    instance_type: str = ""
    image: str = ""
    distribution: str = ""
    version: str = ""
    architecture: str = ""
    networks: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    volumes: tuple[Volume, ...] = ()
    shares: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    num_gpus: int = 0
    gpu_vendor: str = ""
    gpu_model: str = ""
    preemptible: bool = False


@dataclass(frozen=True)
class Step:
    """One role run on one group: `role` is its full name, `entry` the task file ("main" by default).

    `name` is unique in the topology. All steps of a `node` run in one play. `level` orders the steps: all of a level
    end before the next one starts. `phase` is
    configure, or leave for what runs before hosts of other groups are removed.
    """

    name: str
    node: str
    group: str
    role: str
    level: int
    entry: str = "main"
    phase: str = "configure"
    inputs: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Topology:
    """The whole infrastructure. `groups` are in the order in which hosts get their numbers."""

    name: str
    networks: tuple[Network, ...]
    groups: tuple[HostGroup, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, Any]
    notices: tuple[str, ...] = ()

    def group(self, node: str) -> HostGroup:
        """Return the group of a Compute node template. Raises KeyError."""
        for group in self.groups:
            if group.node == node:
                return group
        raise KeyError(node)


def group_word(name: str) -> str:
    """Return a node's name as part of the name of an inventory group."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)

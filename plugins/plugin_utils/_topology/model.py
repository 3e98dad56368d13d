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

from .._errors import Position


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
class Proxy:
    """A host through which the hosts of a network are reached by SSH; `token` is a password or a private key."""

    host: str
    user: str
    token_type: str = "password"  # noqa: S105 (a kind, not a password)
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Network:
    """A network that hosts share; `provider_id` names one that exists already, `cidr` asks for one to be made.

    `gateway` is a route in the form `<network>,<host group or address>`.
    """

    name: str
    public: bool
    cidr: str | None = None
    provider_id: str | None = None
    gateway: str = ""
    proxy: Proxy | None = None


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
    disk_type: str = ""
    cloud_id: str = ""
    availability_zone: str = ""
    addresses: dict[str, str] = field(default_factory=dict)
    additional_ips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """Foreign code that a template names: a playbook, a script, or tasks that stand in the template.

    `reference` is a URL, or a path below the site's `recipe_base`; "" for tasks. `position` is where it is named.
    """

    kind: str
    reference: str = ""
    tasks: tuple[Any, ...] = ()
    position: Position | None = None

    @property
    def file(self) -> str:
        """Return the name of the file without its path."""
        return self.reference.partition("?")[0].rpartition("/")[2] or "tasks"


@dataclass(frozen=True)
class Step:
    """One role or one recipe run on one group: `role` is its full name, `entry` the task file ("main" by default).

    `name` is unique in the topology. All steps of a `node` run in one play. `level` orders the steps: all of a level
    end before the next one starts. `phase` is configure, or leave for what runs before hosts of other groups are
    removed. `files` are references of files that are copied to /tmp of the hosts first.
    """

    name: str
    node: str
    group: str
    role: str
    level: int
    entry: str = "main"
    phase: str = "configure"
    inputs: dict[str, Any] = field(default_factory=dict)
    recipe: Recipe | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class GalaxyContent:
    """A role or collection that recipes need: `kind` is role or collection; `source` is "" for Galaxy itself."""

    kind: str
    name: str
    source: str = ""
    version: str = ""


@dataclass(frozen=True)
class Workload:
    """Containers of one image in a Kubernetes cloud; `count` is 0 or 1. Sizes are bytes.

    `volumes` are `{name, mount, size, volume_id}`, `files` are `{path, content, reference}`.
    """

    node: str
    image: str
    count: int
    level: int
    cpus: float = 0.0
    memory: int = 0
    num_gpus: int = 0
    command: tuple[str, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)
    ports: tuple[Port, ...] = ()
    exposed: tuple[Port, ...] = ()
    dns_name: str = ""
    volumes: tuple[dict[str, Any], ...] = ()
    files: tuple[dict[str, Any], ...] = ()
    namespace: str = ""
    cloud_id: str = ""


@dataclass(frozen=True)
class Function:
    """A function: on the OSCAR cluster whose front end is `group`, or with "" in an OSCAR or Lambda cloud.

    `properties` are those of the node, evaluated; memory is in bytes. `plain` is true for our own type, false for that
    of the existing catalogue. `root` is the folder of the file that declares it, "" when that is in none.
    """

    node: str
    count: int
    level: int
    group: str = ""
    memory: int = 0
    properties: dict[str, Any] = field(default_factory=dict)
    cloud_id: str = ""
    plain: bool = False
    root: str = ""
    position: Position | None = None


@dataclass(frozen=True)
class Topology:
    """The whole infrastructure. `groups` are in the order in which hosts get their numbers."""

    name: str
    networks: tuple[Network, ...]
    groups: tuple[HostGroup, ...]
    steps: tuple[Step, ...]
    outputs: dict[str, Any]
    notices: tuple[str, ...] = ()
    workloads: tuple[Workload, ...] = ()
    functions: tuple[Function, ...] = ()
    galaxy: tuple[GalaxyContent, ...] = ()

    @property
    def recipes(self) -> list[Recipe]:
        """Return the foreign recipes, in the order of their steps."""
        return [step.recipe for step in self.steps if step.recipe is not None]

    @property
    def references(self) -> dict[str, Position | None]:
        """Return every file that must be fetched before a project is written, and where it is named first."""
        found: dict[str, Position | None] = {}
        for step in self.steps:
            position = step.recipe.position if step.recipe else None
            if step.recipe is not None and step.recipe.reference:
                found.setdefault(step.recipe.reference, position)
            for file in step.files:
                found.setdefault(file, position)
        return found

    def group(self, node: str) -> HostGroup:
        """Return the group of a Compute node template. Raises KeyError."""
        for group in self.groups:
            if group.node == node:
                return group
        raise KeyError(node)


def group_word(name: str) -> str:
    """Return a node's name as part of the name of an inventory group."""
    return re.sub(r"[^A-Za-z0-9_]", "_", name)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers: one call each, several at a time.

Nova can make several servers by one call (min_count), but not with ports and volumes of their own, nor with metadata of
their own: such servers would have to be found, numbered and named afterwards.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._hosts.model import PLANNED, Group, Host, HostsError, Slot
from .._hosts.options import host_name, slug
from . import flavors, kinds
from .cloud import Cloud
from .disks import Disk, disk_metadata, mappings
from .flavors import Size
from .images import Image
from .kinds import SERVERS, Resource, metadata_of
from .layout import Layout
from .request import Request

_LONGEST_VALUE = 255


@dataclass(frozen=True)
class Recipe:
    """What hosts of a group are made of; `root` is the GiB of a root disk from cinder, 0 for that of the flavor."""

    image: Image
    size: Size
    root: int
    server_group: str = ""


class Launcher:
    """Makes hosts."""

    def __init__(self, cloud: Cloud, request: Request, layout: Layout, key_name: str, key_mark: str) -> None:
        self._cloud, self._request, self._layout = cloud, request, layout
        self._key_name, self._key_mark = key_name, key_mark

    def launch(self, slot: Slot, recipe: Recipe, ports: Sequence[Resource], disks: Sequence[Disk]) -> str:
        """Make one host; return its id. Raises HostsError."""
        body = self.body(slot, recipe, [str(port["id"]) for port in ports], disks)
        found = self._cloud.create(SERVERS, body, lambda: self._look(slot), known=("in use", "attached"))
        return str(found["id"])

    def body(self, slot: Slot, recipe: Recipe, ports: Sequence[str], disks: Sequence[Disk]) -> dict[str, Any]:
        """Return what nova is asked for. Raises HostsError."""
        group = self._request.group(slot.node)
        server: dict[str, Any] = {
            "name": instance_name(self._request.infrastructure, group, slot.id),
            "flavorRef": recipe.size.id,
            "key_name": self._key_name,
            "networks": [{"port": port} for port in ports],
            "metadata": self.metadata(slot, recipe, disks),
        }
        devices = mappings(disks, recipe.image.id)
        if not any(disk.root for disk in disks):
            server["imageRef"] = recipe.image.id
        if devices:
            server["block_device_mapping_v2"] = devices
        if group.availability_zone:
            server["availability_zone"] = group.availability_zone
        if self._request.user_data:
            server["user_data"] = base64.b64encode(self._request.user_data.encode()).decode()
        hints = {"os:scheduler_hints": {"group": recipe.server_group}} if recipe.server_group else {}
        return {SERVERS.one: server, **hints}

    def metadata(self, slot: Slot, recipe: Recipe, disks: Sequence[Disk]) -> dict[str, str]:
        """Return the metadata of a host. Raises HostsError."""
        group = self._request.group(slot.node)
        found = {
            **group.tags,
            kinds.INFRASTRUCTURE: self._request.infrastructure,
            kinds.NODE: group.node,
            kinds.INSTANCE: str(slot.id),
            kinds.FQDN: host_name(group, slot.id)[1],
            kinds.USER: recipe.image.user,
            kinds.NETWORKS: ",".join(item.network.name for item in self._layout.interfaces(group)),
            kinds.PUBLIC: self._layout.public_network(group),
            kinds.KEY: self._key_mark,
            **size_metadata(self._request.own_group(slot), recipe.size),
            **disk_metadata(disks),
        }
        late = [key for key, value in found.items() if len(value) > _LONGEST_VALUE]
        if late:
            raise HostsError(f"Group {group.node}: {late[0]} is longer than {_LONGEST_VALUE} letters.")
        return {key: value for key, value in found.items() if value}

    def _look(self, slot: Slot) -> Resource | None:
        """The server of a number that is there. Its name is not enough: nova allows the same one twice."""
        wanted = {kinds.INFRASTRUCTURE: self._request.infrastructure, kinds.INSTANCE: str(slot.id)}
        found = self._cloud.mine(SERVERS, self._request.infrastructure)
        return next((item for item in found if wanted.items() <= metadata_of(item).items()), None)


def size_metadata(group: Group, size: Size) -> dict[str, str]:
    """Return the metadata that tells the size of a host."""
    has = f"{size.cpus}/{size.memory}"
    return {kinds.SIZE: flavors.wish_of(group), kinds.HAS: has, kinds.FLAVOR: size.name[:_LONGEST_VALUE]}


def instance_name(infrastructure: str, group: Group, number: int) -> str:
    """Return the name of a host in the cloud."""
    return f"{infrastructure}-{slug(group.instance_name)}-{number}"


def planned_host(request: Request, slot: Slot, recipe: Recipe, ports: Mapping[int, Sequence[Resource]]) -> Host:
    """Return a host as it will be."""
    group = request.group(slot.node)
    hostname, fqdn = host_name(group, slot.id)
    facts = {
        "hostname": hostname,
        "fqdn": fqdn,
        "user": recipe.image.user,
        "cpus": recipe.size.cpus,
        "memory": recipe.size.memory,
        "instance_type": recipe.size.name,
        "port_ids": [str(port["id"]) for port in ports.get(slot.id, [])],
    }
    return Host(slot.id, slot.node, instance_name(request.infrastructure, group, slot.id), "", PLANNED, facts)

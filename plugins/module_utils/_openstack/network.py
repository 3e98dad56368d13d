# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an infrastructure that neutron makes: networks with subnets, and a router to the outside."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from .._hosts.changes import Changes
from .._hosts.model import Group, Network
from . import kinds
from .cloud import Cloud
from .errors import text_of
from .kinds import NETWORK, Kind, Resource, mark, part_name
from .layout import Interface, Layout
from .seen import Seen

PLANNED = "(planned)"
# A run that was killed had asked for it, and it came after our look.
_CAME_LATE = ("overlaps with another subnet",)


class Builder:
    """Makes parts that are missing. What is there is told as kept."""

    def __init__(self, cloud: Cloud, seen: Seen, changes: Changes) -> None:
        self.cloud, self.seen, self.changes = cloud, seen, changes

    def make(self, kind: Kind, part: str, line: str, body: Mapping[str, Any]) -> Resource:
        """Return a part, made when it is missing; `{}` in check mode. Raises HostsError."""
        found = self.seen.part(kind, part)
        if found is None:
            found = self.changes.add(line, lambda: self._create(kind, part, body)) or {}
        else:
            self.changes.keep(line)
        if found and mark(self.seen.infrastructure) not in (found.get("tags") or []):
            self.changes.do(partial(self.tag, kind, str(found["id"]), {}))
        return found

    def tag(self, kind: Kind, number: str, more: Mapping[str, str]) -> None:
        """Give a resource of neutron the tag of the infrastructure, and some more. Raises HostsError."""
        tags = [mark(self.seen.infrastructure), *(f"{key}={value}" for key, value in more.items())]
        self.cloud.call(NETWORK, "PUT", f"{kind.path}/{number}/tags", {"tags": tags})

    def _create(self, kind: Kind, part: str, body: Mapping[str, Any]) -> Resource:
        name = part_name(self.seen.infrastructure, part)
        full = {**body, "name": name, "description": mark(self.seen.infrastructure)}

        def look() -> Resource | None:
            found = self.cloud.listed(NETWORK, kind.path, kind.key, name=name)
            return next((item for item in found if kinds.is_ours(kind, item, self.seen.infrastructure)), None)

        return self.cloud.create(kind, {kind.one: full}, look, known=_CAME_LATE)


class Networks:
    """The networks of an infrastructure as neutron has them."""

    def __init__(self, builder: Builder, layout: Layout, dns_servers: tuple[str, ...] = ()) -> None:
        self._builder, self._layout, self._dns = builder, layout, dns_servers
        self._networks: dict[str, str] = {}
        self._subnets: dict[str, Resource] = {}
        self._blocks: list[str] = []

    def build(self) -> None:
        """Make networks and subnets that are missing. Raises HostsError."""
        for network in self._layout.own_networks():
            self._network(network)

    def route(self) -> None:
        """Lead the networks of `build` to the outside. Nothing but floating IPs depends on that. Raises HostsError."""
        own = self._layout.own_networks()
        external = self._layout.external() if own and not self._builder.seen.lacks(kinds.ROUTERS) else None
        if external is not None:
            self._router(external)

    def id_of(self, item: Interface) -> str:
        """Return the id of the network of an interface, PLANNED when it will be made."""
        return str(item.given["id"]) if item.given is not None else self._networks.get(item.network.name, PLANNED)

    def fixed_ips(self, group: Group, item: Interface) -> list[dict[str, str]]:
        """Return the fixed addresses of a port. Raises HostsError."""
        return self._layout.fixed_ips(group, item, self._subnets.get(item.network.name) if item.given is None else None)

    def _network(self, network: Network) -> None:
        builder = self._builder
        made = builder.make(kinds.NETS, f"network-{network.name}", f"network {network.name}", {"admin_state_up": True})
        part = f"subnet-{network.name}"
        there = builder.seen.part(kinds.SUBNETS, part)
        block = str(there["cidr"]) if there else self._layout.block_for(network, self._blocks)
        self._blocks.append(block)
        self._networks[network.name] = str(made.get("id", PLANNED))
        body: dict[str, Any] = {"network_id": self._networks[network.name], "cidr": block, "ip_version": 4}
        if self._dns:
            body["dns_nameservers"] = list(self._dns)
        subnet = builder.make(kinds.SUBNETS, part, f"subnet of network {network.name} {block}", body)
        if subnet:
            self._subnets[network.name] = subnet

    def _router(self, external: Resource) -> None:
        body = {"external_gateway_info": {"network_id": external["id"]}}
        made = self._builder.make(kinds.ROUTERS, "router", f"router to {external['name']}", body)
        number = str(made.get("id", PLANNED))
        ports = self._builder.seen.all(kinds.PORTS)
        joined = {
            entry.get("subnet_id")
            for port in ports
            if port.get("device_id") == number
            for entry in port.get("fixed_ips") or []
        }
        for subnet in self._subnets.values():
            if subnet["id"] not in joined:
                self._builder.changes.do(partial(self._join, number, str(subnet["id"])))

    def _join(self, router: str, subnet: str) -> None:
        path = f"{kinds.ROUTERS.path}/{router}/add_router_interface"
        try:
            self._builder.cloud.call(NETWORK, "PUT", path, {"subnet_id": subnet})
        except Exception as error:
            # After a lost answer the second attempt is refused: it is there.
            if "already has a port" not in text_of(error):
                raise

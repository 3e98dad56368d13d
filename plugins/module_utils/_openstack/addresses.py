# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Floating IPs: taken from a pool, led to the port of a host, given back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from .._hosts.model import Host, HostsError
from . import kinds
from .cloud import Cloud
from .kinds import FLOATING_IPS, NETWORK, Resource, mark, tags_of
from .layout import Layout
from .network import Builder
from .request import Request


class FloatingIps:
    """The floating IPs of hosts."""

    def __init__(self, builder: Builder, request: Request, layout: Layout) -> None:
        self._builder, self._request, self._layout = builder, request, layout
        self._taken: set[str] = set()

    def build(self, hosts: Iterable[Host]) -> None:
        """Give hosts that shall have one a floating IP, take back what nobody has. Raises HostsError.

        The fact `ports` of a host has the ids of its ports, interface 0 first.
        """
        wanted = [host for host in hosts if self._layout.wants_floating_ip(self._request.group(host.node))]
        there = {host.name: self._builder.seen.floating_ip_of(self._ports(host)) for host in wanted}
        self._taken |= {str(item["id"]) for item in there.values() if item}
        for host in wanted:
            line = f"floating IP of {host.name}"
            item = there[host.name]
            if item is None:
                item = self._free(host)
                self._builder.changes.add(line, partial(self._give, host, item))
            else:
                self._builder.changes.keep(line)
                self._mark(item, {})
        for item in self._builder.seen.of(FLOATING_IPS):
            if str(item["id"]) not in self._taken:
                line = f"floating IP {item['floating_ip_address']}"
                self._builder.changes.remove(line, partial(release, self._builder.cloud, item))

    def _ports(self, host: Host) -> list[Resource]:
        wanted = set(host.facts.get("port_ids") or [])
        return [port for port in self._builder.seen.all(kinds.PORTS) if port["id"] in wanted]

    def _free(self, host: Host) -> Resource | None:
        """A floating IP that leads nowhere: one of ours, or of the project when the template names the pool."""
        group = self._request.group(host.node)
        pool = self._layout.pool(group)
        named = self._layout.named_pool(group) is not None
        for item in self._builder.seen.all(FLOATING_IPS):
            ours = kinds.is_ours(FLOATING_IPS, item, self._request.infrastructure)
            nobodys = named and not str(item.get("description") or "").startswith(kinds.INFRASTRUCTURE)
            if item["floating_network_id"] != pool["id"] or item.get("port_id") or str(item["id"]) in self._taken:
                continue
            if ours or nobodys:
                self._taken.add(str(item["id"]))
                return item
        return None

    def _give(self, host: Host, free: Resource | None) -> None:
        if not host.facts["port_ids"]:
            raise HostsError(
                f"The host {host.name} has no port at any network.",
                f"openstack server delete {host.cloud_id}; then run again: another one takes its place.",
            )
        port = str(host.facts["port_ids"][0])
        body = {"port_id": port, "description": mark(self._request.infrastructure)}
        if free is None:
            self._mark(self._create(host, body), {})
            return
        ours = kinds.is_ours(FLOATING_IPS, free, self._request.infrastructure)
        # Marked first: a run that is killed in between gives it back all the same.
        self._mark(free, {} if ours and kinds.REUSED not in tags_of(free) else {kinds.REUSED: "true"})
        self._builder.cloud.call(NETWORK, "PUT", f"{FLOATING_IPS.path}/{free['id']}", {FLOATING_IPS.one: body})

    def _create(self, host: Host, body: Mapping[str, str]) -> Resource:
        pool = self._layout.pool(self._request.group(host.node))
        full = {**body, "floating_network_id": pool["id"]}

        def look() -> Resource | None:
            found = self._builder.cloud.listed(NETWORK, FLOATING_IPS.path, FLOATING_IPS.key, port_id=body["port_id"])
            return next(iter(found), None)

        return self._builder.cloud.create(FLOATING_IPS, {FLOATING_IPS.one: full}, look, known=("already has a",))

    def _mark(self, item: Resource, more: Mapping[str, str]) -> None:
        wanted = {f"{key}={value}" for key, value in more.items()} | {mark(self._request.infrastructure)}
        if not wanted <= set(item.get("tags") or []):
            self._builder.changes.do(partial(self._builder.tag, FLOATING_IPS, str(item["id"]), more))


def release(cloud: Cloud, item: Resource) -> None:
    """Give a floating IP back; one that was there before is only freed. Raises HostsError."""
    if kinds.REUSED not in tags_of(item):
        cloud.delete(FLOATING_IPS, str(item["id"]))
        return
    path = f"{FLOATING_IPS.path}/{item['id']}"
    cloud.remove(NETWORK, "PUT", path, {FLOATING_IPS.one: {"port_id": None, "description": ""}})
    cloud.remove(NETWORK, "DELETE", f"{path}/tags")

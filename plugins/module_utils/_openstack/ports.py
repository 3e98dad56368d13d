# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports: one for each interface of each host, made before the host, many in one call.

A port is at one server only. So a server that is made twice after a lost answer would not get it: there are no twins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from .._hosts.model import Group, Host, HostsError, Slot
from . import kinds
from .errors import status_of, text_of
from .firewall import Firewall
from .kinds import NETWORK, PORTS, Resource, mark, part_name, part_of
from .layout import Interface, Layout
from .network import Builder, Networks
from .request import Request

_CHUNK = 50
_ROUNDS = 3


class Ports:
    """The ports of the hosts of an infrastructure."""

    def __init__(
        self, builder: Builder, request: Request, layout: Layout, networks: Networks, firewall: Firewall
    ) -> None:
        self._builder, self._request, self._layout = builder, request, layout
        self._networks, self._firewall = networks, firewall
        self._tags = True

    def make(self, slots: Iterable[Slot]) -> dict[int, list[Resource]]:
        """Return the ports of hosts by their numbers, in the order of the interfaces; made when they are missing.

        Raises HostsError.
        """
        wanted = {part: body for slot in slots for part, body in self._bodies(slot).items()}
        there = {part: self._builder.seen.part(PORTS, part) for part in wanted}
        found = {part: port for part, port in there.items() if port is not None and not port.get("device_id")}
        missing = {part: body for part, body in wanted.items() if part not in found}
        for start in range(0, len(missing), _CHUNK):
            found |= self._create(dict(list(missing.items())[start : start + _CHUNK]))
        by_number: dict[int, list[Resource]] = {}
        for part in wanted:
            by_number.setdefault(int(part.split("-")[1]), []).append(found[part])
        return by_number

    def converge(self, hosts: Iterable[Host]) -> None:
        """Give the ports of hosts that stay the security groups that their groups have now. Raises HostsError."""
        ours = {str(item["id"]) for item in self._builder.seen.of(kinds.GROUPS)}
        for host in hosts:
            for port, groups in self._ports_of(host):
                have = set(port.get("security_groups") or [])
                want = (have - ours) | set(groups)
                if have != want and port.get("port_security_enabled", True):
                    body = {PORTS.one: {"security_groups": sorted(want)}}
                    path = f"{PORTS.path}/{port['id']}"
                    self._builder.changes.do(partial(self._builder.cloud.call, NETWORK, "PUT", path, body))

    def tidy(self, numbers: Iterable[int]) -> None:
        """Remove ports without a server, of hosts that are not wanted: a run that was killed left them."""
        wanted = set(numbers)
        for part, items in self._builder.seen.parts(PORTS).items():
            words = part.split("-")
            number = int(words[1]) if len(words) > 2 and words[1].isdigit() else -1
            for place, item in enumerate(items):
                if not item.get("device_id") and (number not in wanted or place):
                    self._builder.changes.remove(f"port {part}", partial(self._drop, str(item["id"])))

    def _drop(self, number: str) -> None:
        """Remove a port unless a host of the killed run took it meanwhile: neutron would take it away from that."""
        found = self._builder.cloud.listed(NETWORK, PORTS.path, PORTS.key, id=number)
        if found and not found[0].get("device_id"):
            self._builder.cloud.delete_free(PORTS, number)

    def _bodies(self, slot: Slot) -> dict[str, dict[str, Any]]:
        group = self._request.group(slot.node)
        return {
            f"port-{slot.id}-{item.network.name}": self._body(slot, group, item)
            for item in self._layout.interfaces(group)
        }

    def _body(self, slot: Slot, group: Group, item: Interface) -> dict[str, Any]:
        name = part_name(self._request.infrastructure, f"port-{slot.id}-{item.network.name}")
        body: dict[str, Any] = {
            "name": name,
            "network_id": self._networks.id_of(item),
            "description": mark(self._request.infrastructure),
        }
        fixed = self._networks.fixed_ips(group, item)
        if fixed:
            body["fixed_ips"] = fixed
        if item.given is None or item.given.get("port_security_enabled", True):
            body["security_groups"] = self._firewall.groups_of(group, item)
            if group.additional_ips:
                body["allowed_address_pairs"] = [{"ip_address": address} for address in group.additional_ips]
        return body

    def _ports_of(self, host: Host) -> list[tuple[Resource, Sequence[str]]]:
        group = self._request.group(host.node)
        there = self._builder.seen.ports_of(host.cloud_id, str(host.id))
        ports = {part_of(self._request.infrastructure, port): port for port in there}
        items = {f"port-{host.id}-{item.network.name}": item for item in self._layout.interfaces(group)}
        return [(ports[part], self._firewall.groups_of(group, item)) for part, item in items.items() if part in ports]

    def _create(self, missing: Mapping[str, Mapping[str, Any]]) -> dict[str, Resource]:
        """Make several ports in one call; after an unclear failure what is there is taken, the rest is made again."""
        found: dict[str, Resource] = {}
        for _round in range(_ROUNDS):
            bodies = [body for part, body in missing.items() if part not in found]
            if not bodies:
                return found
            names = {str(body["name"]) for body in bodies}
            made = self._builder.cloud.once(partial(self._post, bodies), partial(self._look, names))
            found |= {part_of(self._request.infrastructure, port): port for port in made}
        raise HostsError("Neutron does not make all the ports that it was asked for.", "run again.")

    def _post(self, bodies: Sequence[Mapping[str, Any]]) -> list[Resource]:
        tags = {"tags": [mark(self._request.infrastructure)]} if self._tags else {}
        try:
            answer = self._builder.cloud.ask(
                NETWORK, "POST", PORTS.path, {PORTS.key: [{**body, **tags} for body in bodies]}
            )
        except HostsError as error:
            if not tags or status_of(error) != 400 or "tags" not in text_of(error).lower():
                raise
            self._tags = False  # an old neutron; the description marks them too
            answer = self._builder.cloud.ask(NETWORK, "POST", PORTS.path, {PORTS.key: list(bodies)})
        return list(answer[PORTS.key])

    def _look(self, names: set[str]) -> list[Resource] | None:
        found = self._builder.cloud.all(PORTS) or []
        return [
            port
            for port in found
            if port.get("name") in names and kinds.is_ours(PORTS, port, self._request.infrastructure)
        ] or None

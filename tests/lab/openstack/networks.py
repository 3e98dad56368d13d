# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: a namespace for all networks that routers connect, and a line to each interface of a host."""

from __future__ import annotations

from collections.abc import Iterable

from ..aws import network as shared
from ..aws.place import Place
from ..aws.shell import attempt, run
from ..aws.wanted import Port, Wanted


class Networks(shared.Networks):
    """As those of the other lab; interfaces move when a router comes to their network after they did."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._places: dict[str, str] = {}
        self._subnets: set[tuple[str, str]] = set()
        self._inner: set[str] = set()

    def forget(self) -> None:
        """Forget all; the namespaces were removed by others."""
        super().forget()
        self._places, self._subnets = {}, set()

    def drop(self, port: str) -> None:
        """Take an interface of a host away."""
        space = self._places.pop(port, "")
        attempt("ip", "-n", self._space(space), "link", "del", _near(port))

    def apply(self, wanted: Wanted) -> None:
        """Make networks, rules and routes as they should be."""
        ports = [port for host in wanted.hosts.values() for port in host.ports]
        self._inner = {port.subnet for port in ports if not port.direct}
        super().apply(wanted)

    def _ensure(self, vpc: str, ports: Iterable[Port]) -> None:
        super()._ensure(vpc, ports)
        # Addresses of projects are not looked for outside, where the network of this machine may have the same.
        for subnet in self._inner | {port.subnet for port in ports}:
            if (vpc, subnet) not in self._subnets:
                run("ip", "-n", self._space(vpc), "route", "replace", "unreachable", subnet)
                self._subnets.add((vpc, subnet))

    def _remove(self, vpc: str) -> None:
        super()._remove(vpc)
        self._subnets = {item for item in self._subnets if item[0] != vpc}

    def _plug_port(self, vpc: str, name: str, port: Port) -> None:
        super()._plug_port(vpc, name, port)
        self._places[port.interface] = vpc

    def _settle(self, vpc: str, ports: Iterable[Port]) -> None:
        for port in ports:
            former = self._places.get(port.interface, vpc)
            if former != vpc:
                self._move(port, former, vpc)

    def _move(self, port: Port, former: str, vpc: str) -> None:
        near, space = _near(port.interface), self._space(vpc)
        run("ip", "-n", self._space(former), "link", "set", near, "netns", space)
        run("ip", "netns", "exec", space, "sysctl", "-qw", f"net.ipv4.neigh.{near}.proxy_delay=0")
        run("ip", "-n", space, "-batch", "-", text=f"link set {near} up\nroute replace {port.address}/32 dev {near}\n")
        self._places[port.interface] = vpc


def _near(port: str) -> str:
    return f"v{port[-12:]}"

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks: a namespace for each VPC, a line for each interface of a host, and routes to public addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path

from .place import Place
from .rules import ruleset
from .shell import attempt, run
from .wanted import Host, Port, Wanted

_MOST_VPCS = 63
_SYSCTLS = (
    "net.ipv4.ip_forward=1",
    "net.ipv4.conf.all.proxy_arp=1",
    "net.ipv4.conf.default.proxy_arp=1",
    "net.ipv4.conf.all.rp_filter=0",
    "net.ipv4.conf.default.rp_filter=0",
    "net.ipv6.conf.all.disable_ipv6=1",
    "net.ipv6.conf.default.disable_ipv6=1",
)


class Networks:
    """The networks of a lab. Used by one thread, but for `plug` and `unplug` of different hosts."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._numbers: dict[str, int] = {}
        self._rules: dict[str, str] = {}
        self._routes: dict[str, tuple[int, str]] = {}
        self._gateways: set[tuple[str, str]] = set()

    def prepare(self) -> None:
        """Make what all VPCs need on the machine."""
        network = str(self.place.network)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
        attempt("ip", "addr", "add", f"{self.place.machine}/32", "dev", "lo")
        attempt("ip", "route", "add", "unreachable", network)
        own = f'oifname != "ca{self.place.number}u*"'
        text = f"""table ip {self.place.name} {{
  chain post {{
    type nat hook postrouting priority srcnat - 5;
    ip saddr {network} ip daddr != {network} {own} masquerade
  }}
}}"""
        run("nft", "-f", "-", text=text)

    def apply(self, wanted: Wanted) -> None:
        """Make VPCs, rules and routes as they should be."""
        vpcs: dict[str, list[Port]] = {}
        for host in wanted.hosts.values():
            for port in host.ports:
                vpcs.setdefault(port.space or host.vpc, []).append(port)
        for vpc, ports in vpcs.items():
            self._ensure(vpc, ports)
            self._settle(vpc, ports)
            text = ruleset(ports, wanted.groups)
            if self._rules.get(vpc) != text:
                run("ip", "netns", "exec", self._space(vpc), "nft", "-f", "-", text=text)
                self._rules[vpc] = text
        self._route(vpcs, wanted)
        for vpc in set(self._numbers) - set(vpcs):
            self._remove(vpc)

    def forget(self) -> None:
        """Forget all; the namespaces were removed by others."""
        self._numbers, self._rules, self._routes, self._gateways = {}, {}, {}, set()

    def plug(self, host: Host) -> str:
        """Give a host its namespace with its interfaces; return the path of the namespace."""
        name = self.place.namespace(host.id)
        path = f"/run/netns/{name}"
        if not Path(path).exists():
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        present = attempt("ip", "-n", name, "-o", "link")
        for port in host.ports:
            if f" eth{port.index}@" not in present:
                self._plug_port(port.space or host.vpc, name, port)
        return path

    def unplug(self, host_id: str) -> None:
        """Remove the namespace of a host."""
        attempt("ip", "netns", "del", self.place.namespace(host_id))

    def _plug_port(self, vpc: str, name: str, port: Port) -> None:
        near, space, device = f"v{port.interface[-12:]}", self._space(vpc), f"eth{port.index}"
        attempt("ip", "-n", space, "link", "del", near)
        prefix = ipaddress.ip_network(port.subnet).prefixlen
        peer = ["type", "veth", "peer", "name", device, "address", port.mac, "netns", name]
        run("ip", "-n", space, "link", "add", near, *peer)
        # The kernel would wait before it answers for others.
        run("ip", "netns", "exec", space, "sysctl", "-qw", f"net.ipv4.neigh.{near}.proxy_delay=0")
        run("ip", "-n", space, "-batch", "-", text=f"link set {near} up\nroute replace {port.address}/32 dev {near}\n")
        default = f"route add default via {port.gateway}\n" if port.index == 0 and port.gateway else ""
        text = f"addr add {port.address}/{prefix} dev {device}\nlink set {device} up\n{default}"
        run("ip", "-n", name, "-batch", "-", text=text)

    def _settle(self, vpc: str, ports: Iterable[Port]) -> None:
        """Move interfaces here that are elsewhere; on AWS none ever is."""

    def _space(self, vpc: str) -> str:
        return self.place.namespace(vpc)

    def _ensure(self, vpc: str, ports: Iterable[Port]) -> None:
        space = self._space(vpc)
        if vpc not in self._numbers:
            number = min(set(range(1, _MOST_VPCS + 1)) - set(self._numbers.values()))
            self._make(space, number)
            self._numbers[vpc] = number
        for port in ports:
            if port.gateway and (vpc, port.gateway) not in self._gateways:
                run("ip", "-n", space, "addr", "replace", f"{port.gateway}/32", "dev", "lo")
                self._gateways.add((vpc, port.gateway))

    def _make(self, space: str, number: int) -> None:
        link = self.place.uplink(number)
        here, there = self.place.line(number)
        attempt("ip", "link", "del", link)
        attempt("ip", "netns", "del", space)
        run("ip", "netns", "add", space)
        run("ip", "netns", "exec", space, "sysctl", "-qw", *_SYSCTLS)
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "wan", "netns", space)
        run("ip", "-batch", "-", text=f"addr add {here}/30 dev {link}\nlink set {link} up\n")
        lines = f"link set lo up\naddr add {there}/30 dev wan\nlink set wan up\nroute add default via {here}\n"
        run("ip", "-n", space, "-batch", "-", text=lines)

    def _route(self, vpcs: dict[str, list[Port]], wanted: Wanted) -> None:
        routes: dict[str, tuple[int, str]] = {}
        for vpc, ports in vpcs.items():
            addresses = {port.outside for port in ports if port.outside} | wanted.outside.get(vpc, set())
            number = self._numbers[vpc]
            routes.update({address: (number, self.place.line(number)[1]) for address in addresses})
        lines = [f"route del {address}/32" for address in self._routes if address not in routes]
        for address, (number, via) in routes.items():
            if self._routes.get(address) != (number, via):
                link = self.place.uplink(number)
                lines.append(f"route replace {address}/32 via {via} dev {link} src {self.place.machine}")
        if lines:
            run("ip", "-force", "-batch", "-", text="\n".join(lines) + "\n")
        self._routes = routes

    def _remove(self, vpc: str) -> None:
        attempt("ip", "netns", "del", self._space(vpc))
        attempt("ip", "link", "del", self.place.uplink(self._numbers.pop(vpc)))
        self._rules.pop(vpc, None)
        self._gateways = {item for item in self._gateways if item[0] != vpc}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which networks of OpenStack the networks of a template become, and which address the outside reaches a host at."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .._hosts.model import Group, HostsError, Network
from . import kinds
from .kinds import Resource
from .request import Request
from .seen import Seen

# Networks of ours have 4091 hosts, somewhere in here.
_ROOM = ipaddress.IPv4Network("10.128.0.0/9")
_PREFIX = 20


@dataclass(frozen=True)
class Interface:
    """One network interface of the hosts of a group: in a network that exists, `given`, or in one of ours."""

    network: Network
    given: Resource | None = None


class Layout:
    """Where the hosts of each group live. Nothing is made here; what cannot be is refused."""

    def __init__(self, request: Request, seen: Seen, project: str) -> None:
        self._request, self._seen, self._project = request, seen, project
        self._networks = seen.all(kinds.NETS)
        self._given = {network.name: self._find(network) for network in request.networks}

    def interfaces(self, group: Group) -> list[Interface]:
        """Return the interfaces of the hosts of a group, the first one first."""
        networks = self._request.networks_of(group)
        found = [Interface(network, self._given[network.name]) for network in networks]
        real = [item for item in found if not _is_external(item.given)]
        # A public network that is nowhere yet needs no interface of its own: floating IPs lead to the others.
        inside = [item for item in real if item.given is not None or not item.network.public]
        chosen = inside or real or [Interface(networks[0])]
        if self._seen.lacks(kinds.ROUTERS):
            chosen = [Interface(item.network, item.given or self._only_shared()) for item in chosen]
        return chosen

    def public_network(self, group: Group) -> str:
        """Return the name of the network whose fixed addresses are public, "" when a floating IP is needed for that."""
        if not group.public or self._request.floating_ips == "always" or self.named_pool(group):
            return ""
        interfaces = self.interfaces(group)
        for item in interfaces:
            if item.given is not None and self._is_public(item.network, item.given):
                return item.network.name
        outside = [item for item in interfaces if item.network.public] or interfaces
        return outside[0].network.name if self._request.floating_ips == "never" else ""

    def wants_floating_ip(self, group: Group) -> bool:
        """Tell whether the hosts of a group get floating IPs."""
        return group.public and self._request.floating_ips != "never" and not self.public_network(group)

    def named_pool(self, group: Group) -> Resource | None:
        """Return the external network that the template names for a group, None for none."""
        given = [self._given[network.name] for network in self._request.networks_of(group)]
        return next((item for item in given if _is_external(item)), None)

    def pool(self, group: Group) -> Resource:
        """Return the external network that floating IPs of a group come from. Raises HostsError."""
        found = self.named_pool(group) or self.external()
        if found is None:
            raise HostsError(
                f"Group {group.node} is public, but there is no external network for its floating IPs.",
                "name a network in which addresses are public (network_name), or set cloud_openstack_floating_ips.",
            )
        return found

    def external(self) -> Resource | None:
        """Return the external network of our router, None when the site has none. Raises HostsError for several."""
        found = [item for item in self._networks if _is_external(item)]
        wanted = self._request.external_network
        if wanted:
            return _one(found, wanted, "external network")
        named = [pool for group in self._request.groups if (pool := self.named_pool(group)) is not None]
        router = self._seen.part(kinds.ROUTERS, "router")
        gateway = ((router or {}).get("external_gateway_info") or {}).get("network_id")
        ours = [item for item in found if item["id"] == gateway]
        default = [item for item in found if item.get("is_default")]
        chosen = named or ours or (default if len(found) > 1 else found) or found
        if len({str(item["id"]) for item in chosen}) > 1:
            names = ", ".join(sorted(str(item["name"]) for item in chosen))
            raise HostsError(
                f"There are several external networks: {names}.", "choose one: cloud_openstack_external_network."
            )
        return chosen[0] if chosen else None

    def own_networks(self) -> list[Network]:
        """Return the networks to make, those with fixed ranges first."""
        used = [item for group in self._used for item in self.interfaces(group) if item.given is None]
        found = dict.fromkeys(item.network.name for item in used)
        networks = [network for network in self._request.networks if network.name in found]
        return sorted(networks, key=lambda network: not network.cidr)

    def check(self) -> None:
        """Raise HostsError for what cannot be made: public hosts without a pool, addresses that do not fit."""
        for group in self._used:
            if self.wants_floating_ip(group):
                self.pool(group)
            for item in self.interfaces(group):
                address = group.addresses.get(item.network.name, "")
                if address and group.count > 1:
                    raise HostsError(f"Group {group.node} has {group.count} hosts, {address} can be at one only.")
                if address:
                    self.fixed_ips(group, item)

    def fixed_ips(self, group: Group, item: Interface, subnet: Resource | None = None) -> list[dict[str, str]]:
        """Return `fixed_ips` of a port for a fixed address, [] without one. Raises HostsError.

        `subnet` is that of a network of ours, once it is there.
        """
        text = group.addresses.get(item.network.name, "")
        if not text:
            return []
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise HostsError(f"Group {group.node}: {text!r} is not an IP address.") from None
        subnets = [subnet] if subnet else self.subnets_of(item.given) if item.given else []
        ranges = [ipaddress.ip_network(str(entry["cidr"])) for entry in subnets]
        if not subnets and item.network.cidr:
            ranges = [read_block(item.network)]
        if ranges and not any(address in block for block in ranges):
            raise HostsError(
                f"Group {group.node}: {text} is not in network {item.network.name!r} ({', '.join(map(str, ranges))})."
            )
        fitting = [entry for entry, block in zip(subnets, ranges, strict=False) if address in block]
        return [{"subnet_id": str(fitting[0]["id"]), "ip_address": text}] if fitting else [{"ip_address": text}]

    def subnets_of(self, network: Resource) -> list[Resource]:
        """Return the subnets of a network that the project sees."""
        return [item for item in self._seen.all(kinds.SUBNETS) if item.get("network_id") == network["id"]]

    def block_for(self, network: Network, used: Sequence[str]) -> str:
        """Return the range of a new subnet; `used` are ranges of this run. Raises HostsError."""
        if network.cidr:
            return str(read_block(network))
        taken = [str(item["cidr"]) for item in self._seen.all(kinds.SUBNETS) if item.get("ip_version", 4) == 4]
        return free_block(f"{self._request.infrastructure} {network.name}", [*taken, *used, *self._fixed()])

    @property
    def _used(self) -> list[Group]:
        return [group for group in self._request.groups if group.count]

    def _fixed(self) -> list[str]:
        return [str(read_block(network)) for network in self._request.networks if network.cidr]

    def _find(self, network: Network) -> Resource | None:
        """The network of the site that a template names, None when it names none. Raises HostsError."""
        if not network.provider_id:
            return None
        word = network.provider_id.rpartition("/")[2] if "://" in network.provider_id else network.provider_id
        return _one(self._networks, word, f"network {network.name} of the template")

    def _only_shared(self) -> Resource | None:
        """Sites without routers have one network for all."""
        found = [item for item in self._networks if item.get("shared") and not _is_external(item)]
        return found[0] if len(found) == 1 else None

    def _is_public(self, network: Network, given: Resource) -> bool:
        """Tell whether the outside reaches fixed addresses: by their range, or since the template says so and the
        network is the site's own."""
        ranges = [ipaddress.ip_network(str(item["cidr"])) for item in self.subnets_of(given)]
        owner = str(given.get("project_id") or given.get("tenant_id") or "")
        return any(block.is_global for block in ranges) or (network.public and owner != self._project)


def read_block(network: Network) -> ipaddress.IPv4Network:
    """Return the range that a template fixes for a network. Raises HostsError."""
    try:
        return ipaddress.IPv4Network(str(network.cidr))
    except ValueError as error:
        raise HostsError(f"Network {network.name!r}: {network.cidr!r} is not a range of addresses ({error}).") from None


def free_block(seed: str, taken: Iterable[str]) -> str:
    """Return a range that overlaps none of those taken: another one for every `seed`, since networks may be joined
    later. Raises HostsError."""
    used = [ipaddress.IPv4Network(text) for text in taken]
    candidates = 2 ** (_PREFIX - _ROOM.prefixlen)
    start = int(hashlib.sha256(seed.encode()).hexdigest(), 16) % candidates
    for step in range(candidates):
        first = int(_ROOM.network_address) + (start + step) % candidates * 2 ** (32 - _PREFIX)
        block = ipaddress.IPv4Network((first, _PREFIX))
        if not any(block.overlaps(other) for other in used):
            return str(block)
    raise HostsError(f"No range of addresses is free in {_ROOM}.", "give the network a cidr.")


def _is_external(network: Resource | None) -> bool:
    return bool(network and network.get("router:external"))


def _one(networks: Sequence[Resource], word: str, what: str) -> Resource:
    found = [item for item in networks if item["id"] == word] or [item for item in networks if item["name"] == word]
    if len(found) > 1:
        raise HostsError(f"{word!r} is the name of {len(found)} networks ({what}).", "write the id of one of them.")
    if not found:
        names = ", ".join(sorted(str(item["name"] or item["id"]) for item in networks)) or "none"
        raise HostsError(f"There is no network {word!r} in this project ({what}).", f"there are {names}.")
    return found[0]

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other addresses for hosts whose own ones podman does not give.

Podman that is killed while it starts a container keeps the container's address as given, also when the container is
gone, until the machine restarts. So does a container that somebody else has put into the network. A host that cannot
have its address gets another one.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Mapping
from dataclasses import replace

from .._hosts.model import Host
from . import api, seen
from .engine import Engine, EngineError
from .network import choose_address, hardware_address

ATTEMPTS = 20
_WITHHELD = re.compile(r"requested ip address (\d+\.\d+\.\d+\.\d+) is already allocated", re.IGNORECASE)


def withheld(complaint: str) -> str:
    """Return the address that the engine says it cannot give, "" when it complains about something else."""
    found = _WITHHELD.search(complaint)
    return found.group(1) if found else ""


class Addresses:
    """Gives other addresses to hosts of an infrastructure, none twice; for several threads."""

    def __init__(self, engine: Engine, infrastructure: str) -> None:
        self._engine = engine
        self._infrastructure = infrastructure
        self._lock = threading.Lock()
        self._busy: set[str] | None = None
        self._subnets: dict[str, ipaddress.IPv4Network] = {}

    def instead(self, own: Mapping[str, str], address: str) -> tuple[str, str]:
        """Return the network of `own` (networks with the host's addresses) where `address` is, and a free address.

        Raises EngineError when the host has no network with that address, HostsError when the network is full.
        """
        with self._lock:
            if self._busy is None:
                self._look()
            busy = self._busy or set()
            name = next((name for name in own if ipaddress.ip_address(address) in self._subnets.get(name, ())), "")
            if not name:
                raise EngineError(f"the engine does not give the address {address}, which is in no network of the host")
            busy |= {address, *own.values()}
            found = choose_address(self._subnets[name], len(busy), busy)
            busy.add(found)
            self._busy = busy
            return name, found

    def move(self, host: Host, address: str) -> Host:
        """Give a stopped host another address in the place of `address`; return it as it is then.

        Raises EngineError.
        """
        own = dict(host.facts.get("addresses") or {})
        name, new = self.instead(own, address)
        # The memory comes first: with it the next run knows what to do when this one is killed.
        remember(self._engine, self._infrastructure, host, {**own, name: new})
        connect(self._engine, host.name, name, new)
        return replace(host, facts=seen.moved(host.facts, {**own, name: new}))

    def _look(self) -> None:
        hosts = api.list_hosts(self._engine, self._infrastructure)
        self._busy = {address for host in hosts for address in (host.facts.get("addresses") or {}).values()}
        known = {item.name: item.subnets for item in api.list_networks(self._engine)}
        for name, texts in known.items():
            for text in texts:
                if ":" not in text:
                    self._subnets.setdefault(name, ipaddress.IPv4Network(text, strict=False))


def connect(engine: Engine, name: str, network: str, address: str) -> None:
    """Make a stopped host part of a network with an address, whatever it was there before. Raises EngineError."""
    try:
        engine.run("network", "disconnect", network, name)
    except EngineError as error:
        if "is not connected" not in str(error):
            raise
    own = ["--mac-address", hardware_address(address)]
    engine.run("network", "connect", "--ip", address, *own, network, name)


def remember(engine: Engine, infrastructure: str, host: Host, addresses: Mapping[str, str]) -> None:
    """Keep the addresses of a host by network: its labels stay what they were. Raises EngineError."""
    name = f"{host.name}-addresses"
    labels = {
        seen.INFRASTRUCTURE: infrastructure,
        seen.INSTANCE: str(host.id),
        seen.ADDRESSES: seen.write_addresses(addresses),
    }
    api.remove_volume(engine, name)
    api.create_volume(engine, name, labels)


def start(engine: Engine, host: Host, addresses: Addresses) -> Host:
    """Start a stopped host, with another address when it cannot have its own; return it as it is then.

    Raises EngineError.
    """
    if host.facts.get("moved"):
        # A run that was killed may have remembered the address and no more.
        for network, address in host.facts["addresses"].items():
            connect(engine, host.name, network, address)
    for _attempt in range(ATTEMPTS):
        try:
            api.start_host(engine, host.name)
            return host
        except EngineError as error:
            address = withheld(str(error))
            if not address:
                raise
            host = addresses.move(host, address)
    raise EngineError(f"the engine gives it none of {ATTEMPTS} addresses")

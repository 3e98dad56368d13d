# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creating hosts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .._hosts.model import HostsError
from . import api, machine
from .addresses import ATTEMPTS, Addresses, withheld
from .design import NewHost, run_options
from .engine import Engine, EngineError
from .network import hardware_address
from .request import Request

Item = TypeVar("Item")
_CREATE_SECONDS = 180


def in_parallel(action: Callable[[Item], None], items: Iterable[Item]) -> list[tuple[Item, str]]:
    """Do `action` for all items, a few at a time; return those that failed with the engine's words."""

    def attempt(item: Item) -> tuple[Item, str] | None:
        try:
            action(item)
        except EngineError as error:
            return item, str(error)
        return None

    workers = max(2, min(8, os.cpu_count() or 2))
    with ThreadPoolExecutor(workers) as pool:
        return [failure for failure in pool.map(attempt, items) if failure is not None]


def create_hosts(engine: Engine, request: Request, hosts: list[NewHost], limits: bool) -> list[str]:
    """Create hosts with their volumes; return the names of those that were created by this call.

    A host that another run made meanwhile is left as it is. Raises HostsError naming those that could not be created;
    nothing remains of them but their volumes.
    """
    labels = {mount.volume: mount.labels for host in hosts for mount in host.mounts if mount.labels is not None}
    failed_volumes = in_parallel(lambda item: api.create_volume(engine, *item), labels.items())
    if failed_volumes:
        raise HostsError(f"Volume {failed_volumes[0][0][0]} cannot be created: {failed_volumes[0][1]}.")
    present: set[str] = set()

    addresses = Addresses(engine, request.infrastructure)

    def create(host: NewHost) -> None:
        try:
            _create_somewhere(engine, request, host, limits, addresses)
        except EngineError as error:
            if not _name_taken(host.name, str(error)):
                _forget(engine, host.name)
                raise
            present.add(host.name)

    failed = in_parallel(create, hosts)
    if failed:
        raise HostsError("; ".join(f"Host {host.name} cannot be created: {reason}" for host, reason in failed) + ".")
    return [host.name for host in hosts if host.name not in present]


def _create_somewhere(engine: Engine, request: Request, host: NewHost, limits: bool, addresses: Addresses) -> None:
    """Create a host, with another address when it cannot have its own."""
    fixed = {address for group in request.groups for address in group.addresses.values()}
    for _attempt in range(ATTEMPTS):
        try:
            _create(engine, request, host, limits)
            return
        except EngineError as error:
            own = dict(host.addresses)
            address = withheld(str(error))
            if address not in own.values() or address in fixed:
                raise
            _forget(engine, host.name)
            name, new = addresses.instead(own, address)
            host = host.moved({**own, name: new})
    raise EngineError(f"the engine gives it none of {ATTEMPTS} addresses")


def _name_taken(name: str, complaint: str) -> bool:
    named = f'"{name}"' in complaint or f'"/{name}"' in complaint
    return named and "already in use" in complaint


def podman_words(host: NewHost) -> list[str]:
    """Return what only podman is told: systemd, an /etc/hosts that is the host's own, and the addresses."""
    places = [f"{name}:ip={address},mac={hardware_address(address)}" for name, address in host.addresses]
    networks = [word for place in places for word in ("--network", place)]
    return ["--systemd=always", "--no-hosts", "--pull=never", *machine.limit_options(), *networks]


def docker_words(host: NewHost) -> list[str]:
    """Return what only docker is told: what systemd needs, and the first network (others are connected afterwards)."""
    systemd = [
        "--privileged",
        "--cgroupns=private",
        "--tmpfs",
        "/run",
        "--tmpfs",
        "/run/lock",
        "--env",
        "container=docker",
    ]
    name, address = host.addresses[0]
    return [*systemd, "--network", name, "--ip", address]


def _create(engine: Engine, request: Request, host: NewHost, limits: bool) -> None:
    common = run_options(host, request.infrastructure, request.public_key, limits)
    if engine.name == "podman":
        engine.run("run", "-d", *podman_words(host), *common, host.image.tag, timeout=_CREATE_SECONDS)
        return
    engine.run("create", *docker_words(host), *common, host.image.tag, timeout=_CREATE_SECONDS)
    for name, address in host.addresses[1:]:
        engine.run("network", "connect", "--ip", address, name, host.name)
    api.start_host(engine, host.name)


def _forget(engine: Engine, name: str) -> None:
    try:
        api.remove_hosts(engine, [name])
    except EngineError:
        return


def port_picker(address: str, taken: Iterable[Mapping[str, object]]) -> Callable[[str, int, int], int | None]:
    """Return a function that finds free ports of the machine and gives none twice.

    `taken` are the published ports of all hosts, those that are stopped too.
    """
    known = {
        (str(port["protocol"]), int(str(port["host_port"])) + step)
        for port in taken
        for step in range(int(str(port.get("count", 1))))
    }

    def pick(protocol: str, first: int, size: int) -> int | None:
        found = machine.free_port(protocol, address, first, size, known)
        if found is not None:
            known.update((protocol, found + step) for step in range(size))
        return found

    return pick

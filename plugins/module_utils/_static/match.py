# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which offered host becomes which host of an infrastructure: pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .._hosts.model import Group, HostsError, Slot
from .entries import Entry

# A machine that is sold with 2 GiB has somewhat less for programs.
_SHARE_OF_MEMORY = 0.85


@dataclass(frozen=True)
class Free:
    """A host that may be taken, and its size (0 = unknown)."""

    entry: Entry
    cpus: int = 0
    memory: int = 0


@dataclass(frozen=True)
class Matched:
    """Hosts by the number that they get, and what does not fit quite."""

    hosts: Mapping[int, Free]
    warnings: tuple[str, ...] = ()


def match(
    slots: Sequence[Slot], groups: Sequence[Group], free: Sequence[Free], reasons: Collection[str] = ()
) -> Matched:
    """Return which of the `free` hosts, in their order, takes which slot.

    A host that names a node goes there and nowhere else. Hosts that fit come first: with a public address for a public
    group and without one for others, and large enough. Raises HostsError when there are too few; `reasons` say why
    other hosts are not free.
    """
    by_node = {group.node: group for group in groups}
    left = list(free)
    found: dict[int, Free] = {}
    # Those who ask for most choose first; slots that are alike keep their order, and so do hosts.
    for slot in sorted(slots, key=lambda slot: _demand(by_node[slot.node], slot)):
        group = by_node[slot.node]
        usable = [host for host in left if _meant_for(host.entry, by_node) in ("", group.node)]
        if usable:
            found[slot.id] = min(usable, key=lambda host: _misfit(host, group, by_node))
            left.remove(found[slot.id])
    if len(found) < len(slots):
        raise _too_few(slots, found, left, reasons)
    return Matched(found, tuple(_warnings(slots, by_node, found)))


def public_address(entry: Entry) -> str:
    """Return the public address of a host as far as its entry tells, "" when it has none."""
    if entry.public_ip:
        return entry.public_ip
    try:
        address = ipaddress.ip_address(entry.address)
    except ValueError:
        return ""
    return str(address) if address.is_global else ""


def _meant_for(entry: Entry, by_node: Mapping[str, Group]) -> str:
    if entry.node:
        return entry.node
    return next((name for name in entry.groups if name in by_node), "")


def _demand(group: Group, slot: Slot) -> tuple[bool, float, int, int]:
    return not group.public, -group.cpus, -group.memory, slot.id


def _misfit(host: Free, group: Group, by_node: Mapping[str, Group]) -> tuple[bool, bool, bool]:
    named = _meant_for(host.entry, by_node) == group.node
    return not named, bool(public_address(host.entry)) != group.public, not _large_enough(host, group)


def _large_enough(host: Free, group: Group) -> bool:
    enough_cpus = not host.cpus or host.cpus >= group.cpus
    return enough_cpus and (not host.memory or host.memory >= group.memory * _SHARE_OF_MEMORY)


def _warnings(slots: Sequence[Slot], by_node: Mapping[str, Group], found: Mapping[int, Free]) -> list[str]:
    result = []
    for slot in slots:
        host, group = found[slot.id], by_node[slot.node]
        if not _large_enough(host, group):
            result.append(
                f"Host {host.entry.place} is smaller than group {group.node} asks for: it has {host.cpus} CPUs and"
                f" {host.memory // 2**20} MiB."
            )
    return result


def _too_few(
    slots: Sequence[Slot], found: Mapping[int, Free], left: Sequence[Free], reasons: Collection[str]
) -> HostsError:
    wanting = sorted({slot.node for slot in slots if slot.id not in found})
    why = [f"{host.entry.place} is kept for {host.entry.node or 'another group'}" for host in left]
    why += list(reasons)
    more = f" Not free: {'; '.join(why[:20])}." if why else ""
    free = len(found) + len(left)
    return HostsError(
        f"There are too few hosts for {', '.join(wanting)}: needs {len(slots)}, has {free} free.{more}",
        "name more hosts in cloud_static_hosts or cloud_static_file, or ask for fewer in the inputs.",
    )

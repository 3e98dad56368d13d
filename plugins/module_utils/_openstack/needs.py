# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run will ask the site for, counted before it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .._hosts.model import Slot
from . import kinds
from .disks import gib, new_volumes
from .firewall import wanted_rules
from .flavors import Size
from .layout import Layout
from .request import Request
from .seen import Seen

MIB = 1024**2


def needs_of(
    request: Request,
    seen: Seen,
    layout: Layout,
    slots: Sequence[Slot],
    sizes: Mapping[int, Size],
    roots: Mapping[int, int],
) -> dict[str, int]:
    """Return how much of each thing is needed, in the words of check_quota.

    `sizes` and `roots` (GiB of root disks from cinder) are those of the hosts by their numbers.
    """
    return {
        **_hosts(slots, sizes),
        **_volumes(request, seen, slots, roots),
        **_network(request, seen, layout, slots),
    }


def _hosts(slots: Sequence[Slot], sizes: Mapping[int, Size]) -> dict[str, int]:
    return {
        "hosts": len(slots),
        "vCPU": sum(sizes[slot.id].cpus for slot in slots),
        "MiB of memory": sum(sizes[slot.id].memory // MIB for slot in slots),
    }


def _volumes(request: Request, seen: Seen, slots: Sequence[Slot], roots: Mapping[int, int]) -> dict[str, int]:
    wanted: list[int] = []
    for slot in slots:
        there = seen.volumes_of(slot.id)
        root = roots.get(slot.id, 0)
        wanted += [root] if root and kinds.ROOT not in there else []
        wanted += [gib(volume) for volume in new_volumes(request.group(slot.node)) if volume.name not in there]
    return {"volumes": len(wanted), "GiB of volumes": sum(wanted)}


def _network(request: Request, seen: Seen, layout: Layout, slots: Sequence[Slot]) -> dict[str, int]:
    used = [group for group in request.groups if group.count]
    own = layout.own_networks()
    names = {item.network.name for group in used for item in layout.interfaces(group)}
    groups = [f"network-{name}" for name in names] + [f"hosts-{group.node}" for group in used if group.ports]
    new = [group for group in groups if seen.part(kinds.GROUPS, group) is None]
    # Two rules that let everything out come with each security group.
    rules = 2 * len(new) + sum(f"network-{name}" in new for name in names)
    rules += sum(len(wanted_rules(group)) for group in used if f"hosts-{group.node}" in new)
    ports = [
        f"port-{slot.id}-{item.network.name}" for slot in slots for item in layout.interfaces(request.group(slot.node))
    ]
    free = [item for item in seen.of(kinds.FLOATING_IPS) if not item.get("port_id")]
    floating = [slot for slot in slots if layout.wants_floating_ip(request.group(slot.node))]
    return {
        "networks": sum(seen.part(kinds.NETS, f"network-{network.name}") is None for network in own),
        "subnets": sum(seen.part(kinds.SUBNETS, f"subnet-{network.name}") is None for network in own),
        "routers": int(bool(own) and not seen.lacks(kinds.ROUTERS) and seen.part(kinds.ROUTERS, "router") is None),
        "ports": sum(seen.part(kinds.PORTS, part) is None for part in ports),
        "security groups": len(new),
        "rules of security groups": rules,
        "floating IPs": max(0, len(floating) - len(free)) if not _pools(request, layout) else 0,
    }


def _pools(request: Request, layout: Layout) -> bool:
    """Tell whether the template names a pool: then floating IPs that the project has already may do."""
    return any(layout.named_pool(group) is not None for group in request.groups if group.count)

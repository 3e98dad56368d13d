# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which volumes a host mounts where: pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .._hosts.model import Group, HostsError, Slot, Volume
from .._hosts.options import slug
from . import seen

ENGINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


@dataclass(frozen=True)
class Mount:
    """A volume of the engine at a place in a host; one with labels is ours to create."""

    volume: str
    path: str
    labels: Mapping[str, str] | None = None


def instance_name(infrastructure: str, group: Group, number: int) -> str:
    """Return the name of a host in the engine."""
    return f"{infrastructure}-{slug(group.instance_name)}-{number}"


def mounts_of(infrastructure: str, groups: Sequence[Group], slot: Slot, slots: Iterable[Slot]) -> list[Mount]:
    """Return what the host `slot` mounts: the shares, what others mount below a share, and its own volumes.

    `slots` are all hosts that there will be. A volume of another group below a share is the one of that group's first
    host.
    """
    group = next(item for item in groups if item.node == slot.node)
    found = {share: _share(infrastructure, share) for share in group.shares}
    everyone = list(slots)
    for other in groups:
        first = min((item.id for item in everyone if item.node == other.node), default=None)
        if other.node == group.node or first is None:
            continue
        for volume in _mounted(other):
            if _shared_place(volume.mount, group, other):
                found[volume.mount] = _own(infrastructure, other, first, volume)
    for volume in _mounted(group):
        found[volume.mount] = _own(infrastructure, group, slot.id, volume)
    return [found[path] for path in sorted(found)]


def check_volumes(groups: Iterable[Group], exists: Callable[[str], bool]) -> None:
    """Raise HostsError when a volume that a template names does not exist, or when two of a group have one name."""
    for group in groups:
        names = [slug(volume.name) for volume in group.volumes]
        if len(set(names)) != len(names):
            raise HostsError(f"Group {group.node} has two volumes whose names are too alike.")
        for volume in _mounted(group):
            if volume.volume_id and not (ENGINE_NAME.fullmatch(volume.volume_id) and exists(volume.volume_id)):
                raise HostsError(
                    f"There is no volume {volume.volume_id!r} in the container engine.", "create it first."
                )


def storage_warnings(groups: Iterable[Group]) -> list[str]:
    """Return what the local cloud cannot give: sizes of volumes, swap."""
    volumes = [volume for group in groups if group.count for volume in group.volumes]
    swap = sorted({volume.name for volume in volumes if volume.fs_type == "swap"})
    sized = sorted({volume.name for volume in volumes if volume.fs_type != "swap" and volume.mount and volume.size})
    result = []
    if sized:
        result.append(f"The local cloud does not limit the size of volumes: {', '.join(sized)}.")
    if swap:
        result.append(f"The local cloud has no swap volumes, left out: {', '.join(swap)}.")
    return result


def _mounted(group: Group) -> list[Volume]:
    return [volume for volume in group.volumes if volume.mount and volume.fs_type != "swap"]


def _shared_place(path: str, group: Group, other: Group) -> bool:
    both = set(group.shares) & set(other.shares)
    return any(path == share or path.startswith(share.rstrip("/") + "/") for share in both)


def _share(infrastructure: str, path: str) -> Mount:
    labels = {seen.INFRASTRUCTURE: infrastructure, seen.SHARE: path}
    return Mount(f"{infrastructure}-share-{slug(path)}", path, labels)


def _own(infrastructure: str, group: Group, number: int, volume: Volume) -> Mount:
    if volume.volume_id:
        return Mount(volume.volume_id, volume.mount)
    labels = {
        seen.INFRASTRUCTURE: infrastructure,
        seen.NODE: group.node,
        seen.INSTANCE: str(number),
        seen.VOLUME: volume.name,
    }
    return Mount(f"{instance_name(infrastructure, group, number)}-{slug(volume.name)}", volume.mount, labels)

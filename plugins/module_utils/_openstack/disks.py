# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: those that a template wants, root disks that the flavor has no room for, and those that exist already."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .._hosts.model import Group, HostsError, Slot, Volume
from . import kinds
from .flavors import GIB, Size
from .images import Image
from .kinds import VOLUMES, Resource, mark, metadata_of, part_name
from .network import PLANNED, Builder
from .request import Request

_GIVEN = re.compile(r"(?:[a-z]+://[^/]+/)?([0-9a-fA-F-]{32,36})")
_LONGEST_VALUE = 255
# Many images do not tell how large they are unpacked.
_LEAST_ROOT = 10


@dataclass(frozen=True)
class Disk:
    """A volume of a host: `number` is its id in cinder. Those that existed before stay when the host goes."""

    volume: Volume
    number: str
    given: bool = False
    root: bool = False


def root_size(group: Group, image: Image, size: Size) -> int:
    """Return the GiB of a root disk from cinder, 0 when that of the flavor is enough."""
    wanted = max(-(-group.disk // GIB), image.least_disk)
    if size.disk and size.disk >= wanted and not group.disk_type:
        return 0
    return max(wanted, size.disk, _LEAST_ROOT)


def given_id(volume: Volume, group: Group) -> str:
    """Return the id of a volume that exists already, "" for one to make. Raises HostsError."""
    if not volume.volume_id:
        return ""
    match = _GIVEN.fullmatch(volume.volume_id)
    if match is None:
        raise HostsError(
            f"Group {group.node}: {volume.volume_id!r} is no volume of OpenStack.", "write its id, or ost://HOST/ID."
        )
    return match[1]


def new_volumes(group: Group) -> list[Volume]:
    """Return the volumes to make for each host of a group, without the root disk."""
    return [volume for volume in group.volumes if not volume.volume_id]


def gib(volume: Volume) -> int:
    """Return the size of a volume in GiB."""
    return max(1, -(-volume.size // GIB))


class Disks:
    """The volumes of the hosts of an infrastructure."""

    def __init__(self, builder: Builder, request: Request) -> None:
        self._builder, self._request = builder, request

    def check(self, groups: Iterable[Group], roots: Collection[str]) -> None:
        """Raise HostsError for volumes that cannot be had: no cinder, no such volume, or one that is in use.

        `roots` are the groups whose root disks come from cinder.
        """
        wanted: list[str] = []
        for group in groups:
            ids = [number for volume in group.volumes if (number := given_id(volume, group))]
            if (group.volumes or group.node in roots) and not self._builder.cloud.has(kinds.STORAGE):
                raise HostsError(f"Group {group.node} needs volumes, but the site has no cinder.", "ask for no disks.")
            if ids and group.count > 1:
                raise HostsError(f"Group {group.node} has {group.count} hosts, volume {ids[0]} can be at one only.")
            for volume in group.volumes:
                if len(_entry(volume, PLANNED * 4)) > _LONGEST_VALUE:
                    raise HostsError(f"Group {group.node}: the folder {volume.mount!r} is too long.")
            wanted += ids
        twice = sorted({number for number in wanted if wanted.count(number) > 1})
        if twice:
            raise HostsError(f"The volume {twice[0]} is wanted in two places.")
        there = {str(item["id"]): str(item["status"]) for item in self._builder.seen.all(VOLUMES)}
        for number in wanted:
            if there.get(number) not in ("available", "reserved"):
                state = f"is {there[number]}" if number in there else "does not exist"
                raise HostsError(f"The volume {number} {state}.", "take one that is available.")

    def make(
        self, slots: Sequence[Slot], roots: Mapping[int, int], images: Mapping[str, Image]
    ) -> dict[int, list[Disk]]:
        """Return the volumes of hosts by their numbers, the root disk first; made when they are missing.

        `roots`: GiB of the root disks by the numbers of the hosts. Returns when all can be attached. Raises HostsError.
        """
        wanted: list[tuple[Slot, Volume, str]] = []
        for slot in slots:
            group = self._request.group(slot.node)
            if roots.get(slot.id):
                root = Volume(kinds.ROOT, roots[slot.id] * GIB, type=group.disk_type)
                wanted.append((slot, root, images[slot.node].id))
            wanted += [(slot, volume, "") for volume in new_volumes(group)]
        made = dict(zip(((slot.id, volume.name) for slot, volume, _image in wanted), self._made(wanted), strict=True))
        found: dict[int, list[Disk]] = {}
        for slot in slots:
            group = self._request.group(slot.node)
            disks = found.setdefault(slot.id, [])
            if roots.get(slot.id):
                disks.append(Disk(Volume(kinds.ROOT), made[slot.id, kinds.ROOT], root=True))
            for volume in group.volumes:
                given = given_id(volume, group)
                disks.append(Disk(volume, given or made[slot.id, volume.name], given=bool(given)))
        return found

    def tidy(self, numbers: Iterable[int]) -> None:
        """Remove volumes that are at no host, of hosts that are not there: a run that was killed left them."""
        wanted = set(map(str, numbers))
        kept = {str(item["id"]) for number in numbers for item in self._builder.seen.volumes_of(number).values()}
        for item in self._builder.seen.of(VOLUMES):
            number, name = metadata_of(item).get(kinds.INSTANCE, ""), str(item.get("name") or item["id"])
            free = not item.get("attachments") and item["status"] in ("available", "error")
            if free and (number not in wanted or str(item["id"]) not in kept):
                delete = partial(self._builder.cloud.delete_free, VOLUMES, str(item["id"]))
                self._builder.changes.remove(f"volume {name}", delete)

    def _made(self, wanted: Sequence[tuple[Slot, Volume, str]]) -> list[str]:
        ids = self._builder.cloud.each(lambda item: self._one(*item), wanted)
        self._wait(ids)
        return ids

    def _one(self, slot: Slot, volume: Volume, image: str) -> str:
        there = self._builder.seen.volumes_of(slot.id).get(volume.name)
        if there is not None and str(there["status"]).startswith("error"):
            self._builder.cloud.delete(VOLUMES, str(there["id"]))
            there = None
        if there is None:
            body = volume_body(self._request.infrastructure, slot, volume, image)
            there = self._builder.cloud.create(VOLUMES, {VOLUMES.one: body}, lambda: self._look(slot, volume))
        return str(there["id"])

    def _look(self, slot: Slot, volume: Volume) -> Resource | None:
        wanted = {kinds.INFRASTRUCTURE: self._request.infrastructure, kinds.INSTANCE: str(slot.id)}
        wanted[kinds.VOLUME] = volume.name
        found = self._builder.cloud.mine(VOLUMES, self._request.infrastructure)
        return next((item for item in found if wanted.items() <= metadata_of(item).items()), None)

    def _wait(self, ids: Sequence[str]) -> None:
        """Wait until volumes can be attached."""
        end, pause = time.monotonic() + self._request.timeout, 0.5
        while ids:
            found = self._builder.cloud.mine(VOLUMES, self._request.infrastructure)
            there = {str(item["id"]): item for item in found}
            states = {number: str(there.get(number, {}).get("status", "gone")) for number in ids}
            failed = [number for number, state in states.items() if state.startswith("error") or state == "gone"]
            if failed:
                name = there.get(failed[0], {}).get("name", failed[0])
                raise HostsError(
                    f"Cinder could not make the volume {name}: it is {states[failed[0]]}.",
                    "run again to make another one; ask the site when it fails again.",
                )
            waiting = [number for number, state in states.items() if state in ("creating", "downloading")]
            if not waiting:
                return
            if time.monotonic() > end:
                raise HostsError(f"{len(waiting)} volumes are not ready after {self._request.timeout} s.", "run again.")
            self._builder.cloud.sleep(pause)
            pause = min(3.0, pause * 1.3)


def volume_body(infrastructure: str, slot: Slot, volume: Volume, image: str) -> dict[str, Any]:
    """Return what cinder is asked for."""
    metadata = {
        kinds.INFRASTRUCTURE: infrastructure,
        kinds.NODE: slot.node,
        kinds.INSTANCE: str(slot.id),
        kinds.VOLUME: volume.name,
    }
    body: dict[str, Any] = {"size": gib(volume), "metadata": metadata, "description": mark(infrastructure)}
    body["name"] = part_name(infrastructure, f"volume-{slot.id}-{volume.name}")
    body |= {"volume_type": volume.type} if volume.type else {}
    return {**body, **({"imageRef": image} if image else {})}


def mappings(disks: Iterable[Disk], image: str) -> list[dict[str, Any]]:
    """Return `block_device_mapping_v2` of a server, [] when it has nothing but the disk of its flavor."""
    found = list(disks)
    if not found:
        return []
    root = [] if any(disk.root for disk in found) else [_local(image)]
    return root + [
        {
            "boot_index": 0 if disk.root else -1,
            "uuid": disk.number,
            "source_type": "volume",
            "destination_type": "volume",
            "delete_on_termination": not disk.given,
        }
        for disk in found
    ]


def disk_metadata(disks: Iterable[Disk]) -> dict[str, str]:
    """Return the metadata of a server that tells what is mounted where."""
    data = [disk for disk in disks if not disk.root]
    return {f"{kinds.DISK}{place}": _entry(disk.volume, disk.number) for place, disk in enumerate(data)}


def _local(image: str) -> dict[str, Any]:
    return {
        "boot_index": 0,
        "uuid": image,
        "source_type": "image",
        "destination_type": "local",
        "delete_on_termination": True,
    }


def _entry(volume: Volume, number: str) -> str:
    return f"{volume.name}|{volume.mount}|{volume.fs_type}|{number}"

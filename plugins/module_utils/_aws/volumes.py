# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks of a host: the root disk, new volumes that come and go with the host, volumes that exist already."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from .._hosts.model import Group, HostsError, Volume
from . import kinds
from .cloud import Cloud
from .images import Image

GIB = 1024**3
_LETTERS = "fghijklmnop"  # what AWS recommends for further volumes of hosts
_DEVICE = re.compile(r"(?:/dev/)?(?:sd|xvd|vd|hd)([f-p])")
_VOLUME_ID = re.compile(r"(?:aws://[a-z0-9-]+/)?(vol-[0-9a-f]{8,17})")
_TYPES = ("gp3", "gp2", "io1", "io2", "st1", "sc1", "standard")
_LEAST = {"st1": 125, "sc1": 125, "io1": 4, "io2": 4}
# Operations a second and GiB, for the types that want to be told.
_IOPS = {"io1": 50, "io2": 50}


def devices(group: Group) -> dict[str, Volume]:
    """Return the volumes of a group by the letter of their device, the same for every host. Raises HostsError."""
    asked = {volume.name: match[1] for volume in group.volumes if (match := _DEVICE.fullmatch(volume.device))}
    free = [letter for letter in _LETTERS if letter not in asked.values()]
    found: dict[str, Volume] = {}
    for volume in group.volumes:
        letter = asked.get(volume.name) or (free.pop(0) if free else "")
        if not letter or letter in found:
            raise HostsError(f"Group {group.node}: there is no free device for volume {volume.name!r}.")
        found[letter] = volume
    return found


def mappings(group: Group, image: Image) -> list[dict[str, Any]]:
    """Return `BlockDeviceMappings` of a group: the root disk and the new volumes, all encrypted. Raises HostsError."""
    root = max(image.root_size, -(-group.disk // GIB))
    found = [_mapping(image.root_device, root, _type(group.disk_type, group))]
    for letter, volume in devices(group).items():
        if not volume.volume_id:
            kind = _type(volume.type, group)
            size = max(1, -(-volume.size // GIB), _LEAST.get(kind, 1))
            found.append(_mapping(f"/dev/sd{letter}", size, kind))
    return found


def given(group: Group) -> dict[str, str]:
    """Return the ids of the volumes that exist already, by device name. Raises HostsError."""
    found = {}
    for letter, volume in devices(group).items():
        if volume.volume_id:
            match = _VOLUME_ID.fullmatch(volume.volume_id)
            if match is None:
                raise HostsError(f"Group {group.node}: {volume.volume_id!r} is no volume of EC2.", "write vol-...")
            found[f"/dev/sd{letter}"] = match[1]
    return found


def disk_tags(group: Group) -> dict[str, str]:
    """Return the tags that tell what is mounted where."""
    wanted = {letter: volume for letter, volume in devices(group).items() if volume.mount or volume.fs_type == "swap"}
    return {
        f"{kinds.DISK}{letter}": f"{volume.name}|{volume.mount}|{volume.fs_type}" for letter, volume in wanted.items()
    }


def check_given(cloud: Cloud, groups: Iterable[Group]) -> dict[str, str]:
    """Return the zone of each volume that exists already; raises HostsError when one does not, or is wanted twice."""
    wanted: list[str] = []
    for group in groups:
        ids = list(given(group).values())
        if ids and group.count > 1:
            raise HostsError(f"Group {group.node} has {group.count} hosts, but the volume {ids[0]} can be at one only.")
        wanted += ids
    twice = sorted({item for item in wanted if wanted.count(item) > 1})
    if twice:
        raise HostsError(f"The volume {twice[0]} is wanted in two places.")
    if not wanted:
        return {}
    there = cloud.there(kinds.VOLUMES, {"volume-id": sorted(wanted)})
    zones = {str(item["VolumeId"]): str(item["AvailabilityZone"]) for item in there}
    missing = sorted(set(wanted) - set(zones))
    if missing:
        raise HostsError(f"There is no volume {missing[0]} in {cloud.region}.")
    return zones


def attach_given(cloud: Cloud, group: Group, instance: str) -> None:
    """Attach the volumes that exist already; those that are attached stay. Raises HostsError."""
    for device, volume in given(group).items():
        there = cloud.there(kinds.VOLUMES, {"volume-id": [volume]})
        holders = [item["InstanceId"] for item in there[0].get("Attachments") or []] if there else []
        if instance not in holders:
            cloud.remove("attach_volume", (), Device=device, VolumeId=volume, InstanceId=instance)


def _mapping(device: str, size: int, kind: str) -> dict[str, Any]:
    ebs: dict[str, Any] = {"VolumeSize": size, "VolumeType": kind, "Encrypted": True, "DeleteOnTermination": True}
    if kind in _IOPS:
        ebs["Iops"] = max(100, min(16000, size * _IOPS[kind]))
    return {"DeviceName": device, "Ebs": ebs}


def _type(text: str, group: Group) -> str:
    kind = text.lower() or "gp3"
    if kind not in _TYPES:
        raise HostsError(f"Group {group.node} wants a disk of type {text!r}.", f"EC2 has {', '.join(_TYPES)}.")
    return kind

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block storage of a Compute (profile, section 1.4)."""

from __future__ import annotations

import re
from typing import Any

from .._parse.model import Node, Requirement
from .._parse.resolver import Resolver
from .._parse.units import parse_size
from .model import Volume

_ATTACHES = "tosca.relationships.AttachesTo"
_FOLDER = re.compile(r"^/[^\x00\n:]*$")


def read_volumes(resolver: Resolver, compute: Node) -> list[Volume]:
    """Return the volumes of a Compute node; those of size 0 without an id of an existing volume are none."""
    volumes = (
        _volume(resolver, requirement) for requirement in compute.requirements if _is_disk(resolver, requirement)
    )
    return [volume for volume in volumes if volume is not None]


def _is_disk(resolver: Resolver, requirement: Requirement) -> bool:
    """GlusterFS and OneData volumes are derived from BlockStorage too, but are not disks."""
    attaches = resolver.library.derives("relationship_types", requirement.relationship, _ATTACHES)
    target = resolver.nodes[requirement.target].type
    return attaches and target.rsplit(".", 1)[-1] == "BlockStorage"


def _volume(resolver: Resolver, requirement: Requirement) -> Volume | None:
    node = resolver.nodes[requirement.target]
    size = _size(resolver, node)
    volume_id = str(resolver.property_of(node, "volume_id") or "")
    if not size and not volume_id and not resolver.property_of(node, "snapshot_id"):
        return None
    path = (*requirement.path, "relationship", "properties")
    raw = requirement.properties
    edge = {key: resolver.value(item, node.name, (*path, key)) for key, item in raw.items()}
    fs_type = _text(edge.get("fs_type")) or "ext4"
    mount = _text(edge.get("location"))
    if mount and fs_type != "swap" and not _FOLDER.match(mount):
        hint = "Write an absolute path such as /mnt/data."
        position = resolver.document.at(*path, "location")
        resolver.problems.add("bad-type", f"'{mount}' is not a folder to mount a volume on.", position, hint)
    return Volume(
        name=node.name,
        size=0 if volume_id else size,
        volume_id=volume_id,
        type="" if volume_id else _text(resolver.property_of(node, "type")),
        device=_text(edge.get("device")),
        mount="" if fs_type == "swap" else mount,
        fs_type=fs_type,
    )


def _size(resolver: Resolver, node: Node) -> int:
    raw = resolver.property_of(node, "size")
    try:
        return parse_size(raw) if raw not in (None, "", 0) else 0
    except ValueError as error:
        position = resolver.document.at(*node.path, "properties", "size")
        resolver.problems.add(
            "bad-size", f"'size' of node '{node.name}': {error}.", position, "Write for example '4 GiB'."
        )
        return 0


def _text(value: Any) -> str:
    return "" if value is None else str(value)

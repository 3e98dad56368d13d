# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which availability zone the hosts of an infrastructure live in: one for all, as traffic between zones costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .._hosts.model import Group, HostsError
from . import kinds
from .cloud import Cloud
from .seen import Seen


def choose_zone(
    cloud: Cloud, seen: Seen, groups: Iterable[Group], types: Iterable[str], volumes: Mapping[str, str]
) -> str:
    """Return the zone: that of the subnets that are there, of a group that names one, of a volume that exists already,
    or the first one that has all the instance types. Raises HostsError."""
    there = [str(item["AvailabilityZone"]) for item in seen.of(kinds.SUBNETS)]
    named = sorted({group.availability_zone for group in groups if group.availability_zone} | set(volumes.values()))
    if len(set(named)) > 1:
        raise HostsError(f"The template wants several availability zones: {', '.join(named)}.", "use one.")
    if there:
        return _agreed(there[0], named)
    offered = _offered(cloud, sorted(set(types)))
    if named:
        if named[0] not in offered:
            raise HostsError(
                f"The zone {named[0]} of {cloud.region} does not have all the types {', '.join(sorted(set(types)))}."
            )
        return named[0]
    if not offered:
        raise HostsError(
            f"No zone of {cloud.region} has all the types {', '.join(sorted(set(types)))}.", "name other types."
        )
    return offered[0]


def _agreed(zone: str, named: list[str]) -> str:
    if named and named[0] != zone:
        raise HostsError(f"The infrastructure lives in zone {zone} and cannot move to {named[0]}.", "destroy it first.")
    return zone


def _offered(cloud: Cloud, types: list[str]) -> list[str]:
    if not types:
        found = cloud.listed("describe_availability_zones", "AvailabilityZones")
        return sorted(str(item["ZoneName"]) for item in found if item.get("State") == "available")
    offers = cloud.listed(
        "describe_instance_type_offerings", "InstanceTypeOfferings",
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": types}],
    )  # fmt: skip
    by_zone: dict[str, set[str]] = {}
    for item in offers:
        by_zone.setdefault(str(item["Location"]), set()).add(str(item["InstanceType"]))
    return sorted(zone for zone, names in by_zone.items() if names >= set(types))

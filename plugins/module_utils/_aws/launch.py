# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making hosts: one RunInstances call for each group, whose client token makes a repeated call harmless."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .._hosts.model import PLANNED, Group, Host, HostsError, Slot
from .._hosts.options import host_name, slug
from . import errors, kinds, layout, sizes, volumes
from .cloud import Cloud
from .images import Image
from .kinds import Resource, as_tags, tag_specifications, tags_of
from .network import Subnet
from .numbers import write_numbers
from .request import Request
from .seen import number_of
from .sizes import Size

_LAUNCHES = 5
# Longer than a run tries one call again.
_OLD = timedelta(minutes=20)


@dataclass(frozen=True)
class Recipe:
    """What hosts of a group are made of."""

    image: Image
    size: Size
    subnet: Subnet
    groups: Sequence[str]


class Launcher:
    """Makes hosts, and gives those that a killed run left without a number theirs."""

    def __init__(self, cloud: Cloud, request: Request, key_name: str, life: str) -> None:
        self._cloud, self._request, self._key_name, self._life = cloud, request, key_name, life
        self.warnings: list[str] = []

    def launch(self, group: Group, slots: Sequence[Slot], recipe: Recipe, ended: int) -> list[Resource]:
        """Make the hosts of one group, in one call; return the instances. Raises HostsError.

        `ended`: how many hosts with these numbers there were before.
        """
        arguments = launch_arguments(self._request, group, slots, recipe, self._key_name)
        try:
            return self._run(arguments, ended)
        except errors.RefusedError as error:
            if not group.preemptible or error.code not in errors.CAPACITY | errors.SPOT:
                raise
            self.warnings.append(f"Group {group.node} runs at the usual price: {error}")
            del arguments["InstanceMarketOptions"]
            return self._run(_without_spot(arguments), ended)

    def number(self, instances: Iterable[Resource]) -> None:
        """Give each instance the tags of its own: number, name and full name."""

        def tag(instance: Resource) -> None:
            tags = as_tags(own_tags(self._request, instance))
            self._cloud.call("create_tags", Resources=[instance["InstanceId"]], Tags=tags)

        self._cloud.each(tag, instances)

    def _run(self, arguments: dict[str, Any], ended: int) -> list[Resource]:
        """Call RunInstances. A token whose instances ended already gets a successor."""
        text = json.dumps(arguments, sort_keys=True)
        for attempt in range(ended, ended + _LAUNCHES):
            token = hashlib.sha256(f"{self._life} {attempt} {text}".encode()).hexdigest()
            found = self._cloud.call("run_instances", ClientToken=token, **arguments)["Instances"]
            if not any(is_of_old(item) for item in found):
                return list(found)
        raise HostsError("EC2 goes on ending the hosts right after their start.", _why_ended(found))


def launch_arguments(
    request: Request, group: Group, slots: Sequence[Slot], recipe: Recipe, key_name: str
) -> dict[str, Any]:
    """Return the arguments of RunInstances but for the token. Raises HostsError."""
    interface: dict[str, Any] = {
        "DeviceIndex": 0,
        "SubnetId": recipe.subnet.id,
        "Groups": list(recipe.groups),
        "AssociatePublicIpAddress": group.public,
        "DeleteOnTermination": True,
    }
    fixed = group.addresses.get(layout.place_of(request, group).network.name, "")
    if fixed and len(slots) == 1:
        interface["PrivateIpAddress"] = layout.check_address(fixed, recipe.subnet.block, group.node)
    tags = group_tags(request, group, slots, recipe)
    shared = {key: value for key, value in tags.items() if key in (kinds.INFRASTRUCTURE, kinds.NODE)}
    arguments: dict[str, Any] = {
        "ImageId": recipe.image.id,
        "InstanceType": recipe.size.name,
        "MinCount": len(slots),
        "MaxCount": len(slots),
        "KeyName": key_name,
        "NetworkInterfaces": [interface],
        "BlockDeviceMappings": volumes.mappings(group, recipe.image),
        # With session tokens, a program that fetches URLs cannot be made to read credentials.
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        "TagSpecifications": [
            *tag_specifications(["instance"], tags),
            *tag_specifications(["volume", "network-interface"], shared),
        ],
    }
    if group.preemptible:
        arguments["InstanceMarketOptions"] = {"MarketType": "spot", "SpotOptions": {"SpotInstanceType": "one-time"}}
        arguments["TagSpecifications"] += tag_specifications(["spot-instances-request"], shared)
    if request.instance_profile:
        kind = "Arn" if request.instance_profile.startswith("arn:") else "Name"
        arguments["IamInstanceProfile"] = {kind: request.instance_profile}
    if request.user_data:
        arguments["UserData"] = request.user_data
    return arguments


def group_tags(request: Request, group: Group, slots: Sequence[Slot], recipe: Recipe) -> dict[str, str]:
    """Return the tags that all hosts of one call bear."""
    return {
        **group.tags,
        kinds.INFRASTRUCTURE: request.infrastructure,
        kinds.NODE: group.node,
        kinds.BATCH: write_numbers(slot.id for slot in slots),
        kinds.USER: recipe.image.user,
        kinds.SIZE: sizes.wish_of(group),
        kinds.HAS: f"{recipe.size.cpus}/{recipe.size.memory}",
        **volumes.disk_tags(group),
    }


def own_tags(request: Request, instance: Resource) -> dict[str, str]:
    """Return the tags that one host bears alone, found by its place in its batch."""
    tags = tags_of(instance)
    number = number_of(instance, tags) or 0
    group = request.group(tags[kinds.NODE])
    return {
        kinds.INSTANCE: str(number),
        "Name": instance_name(request.infrastructure, group, number),
        kinds.FQDN: host_name(group, number)[1],
    }


def instance_name(infrastructure: str, group: Group, number: int) -> str:
    """Return the name of a host in the cloud."""
    return f"{infrastructure}-{slug(group.instance_name)}-{number}"


def batches(slots: Iterable[Slot], size: int = 250) -> list[tuple[str, list[Slot]]]:
    """Return the slots by group and by a size of their own, in pieces whose numbers fit into one tag."""
    alike: dict[tuple[object, ...], list[Slot]] = {}
    for slot in slots:
        alike.setdefault((slot.node, *slot.size), []).append(slot)
    result = []
    for wanted in alike.values():
        node = wanted[0].node
        piece: list[Slot] = []
        for slot in wanted:
            if piece and len(write_numbers([*(item.id for item in piece), slot.id])) > size:
                result.append((node, piece))
                piece = []
            piece.append(slot)
        result.append((node, piece))
    return result


def planned_host(request: Request, group: Group, slot: Slot, size: Size | None, user: str) -> Host:
    """Return a host as it will be, for a plan."""
    hostname, fqdn = host_name(group, slot.id)
    facts = {
        "hostname": hostname,
        "fqdn": fqdn,
        "user": user,
        "cpus": size.cpus if size else group.cpus,
        "memory": size.memory if size else group.memory,
    }
    return Host(slot.id, slot.node, instance_name(request.infrastructure, group, slot.id), "", PLANNED, facts)


def is_of_old(instance: Resource) -> bool:
    """Tell whether RunInstances answered with a host of an earlier call with that token: one that ended, or is old."""
    launched = instance.get("LaunchTime")
    age = datetime.now(UTC) - launched if isinstance(launched, datetime) else timedelta()
    return instance["State"]["Name"] in ("shutting-down", "terminated") or age > _OLD


def _without_spot(arguments: Mapping[str, Any]) -> dict[str, Any]:
    kept = [item for item in arguments["TagSpecifications"] if item["ResourceType"] != "spot-instances-request"]
    return {**arguments, "TagSpecifications": kept}


def _why_ended(instances: Iterable[Resource]) -> str:
    reasons = {str((item.get("StateReason") or {}).get("Message", "")) for item in instances}
    return f"EC2 says: {'; '.join(sorted(reason for reason in reasons if reason)) or 'nothing'}."

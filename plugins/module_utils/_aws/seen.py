# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 has of an infrastructure, found by its tag."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._hosts.model import BROKEN, RUNNING, STOPPED, Host
from . import kinds
from .cloud import Cloud
from .kinds import Kind, Resource, state_of, tags_of
from .numbers import read_numbers

_STATES = {"pending": RUNNING, "running": RUNNING, "stopping": STOPPED, "stopped": STOPPED, "shutting-down": BROKEN}
# The network interfaces of hosts go with them; only a destruction looks for others.
CONVERGED = tuple(kind for kind in kinds.ALL if kind is not kinds.INTERFACES)


@dataclass(frozen=True)
class Seen:
    """All resources that bear the tag of an infrastructure, by the name of their kind."""

    infrastructure: str
    resources: Mapping[str, list[Resource]] = field(default_factory=dict)

    def of(self, kind: Kind) -> list[Resource]:
        """Return the resources of a kind that are still there."""
        return [item for item in self.resources.get(kind.name, []) if state_of(kind, item) not in kind.gone]

    def ended(self, numbers: Iterable[int]) -> int:
        """Return how many hosts with some numbers ended lately; EC2 shows them for an hour or so."""
        wanted = set(numbers)
        ended = [item for item in self.resources.get(kinds.INSTANCES.name, []) if not _is_alive(item)]
        return sum(number_of(item, tags_of(item)) in wanted for item in ended)

    def parts(self, kind: Kind) -> dict[str, list[Resource]]:
        """Return the resources of a kind by their part of the layout; more than one after two lost answers."""
        found: dict[str, list[Resource]] = {}
        for item in sorted(self.of(kind), key=lambda resource: str(resource[kind.id])):
            found.setdefault(tags_of(item).get(kinds.PART, ""), []).append(item)
        return found

    @property
    def hosts(self) -> list[Host]:
        """Return the hosts in the order of their numbers, without those that are on their way out."""
        found = read_hosts(self.of(kinds.INSTANCES))
        return [host for host in found if host.state != BROKEN]

    @property
    def last(self) -> int:
        """Return the highest number ever used as far as the tags know, -1 for none."""
        return max([self.mark, *(host.id for host in read_hosts(self.of(kinds.INSTANCES)))])

    @property
    def mark(self) -> int:
        """Return the highest number that the key pair remembers, -1 for none."""
        marks = [tags_of(key).get(kinds.LAST, "") for key in self.of(kinds.KEYS)]
        return max([-1, *(int(mark) for mark in marks if mark.isdigit())])


def observe(cloud: Cloud, infrastructure: str, wanted: Iterable[Kind] = CONVERGED) -> Seen:
    """Return what bears the tag of an infrastructure: one list a kind, all at the same time. Raises HostsError."""
    kinds_wanted = list(wanted)
    cloud.client("ec2")
    filters = {f"tag:{kinds.INFRASTRUCTURE}": [infrastructure]}
    found = cloud.each(lambda kind: cloud.describe(kind, filters), kinds_wanted)
    return Seen(infrastructure, {kind.name: items for kind, items in zip(kinds_wanted, found, strict=True)})


def read_hosts(instances: Iterable[Resource]) -> list[Host]:
    """Return the hosts among instances; one that bears no number yet has it by its place in its batch."""
    found = [host for host in map(read_host, instances) if host is not None]
    return sorted(found, key=lambda host: host.id)


def read_host(instance: Resource) -> Host | None:
    """Return an instance as a host, None for one that is not a host of ours."""
    tags = tags_of(instance)
    number = number_of(instance, tags)
    if number is None:
        return None
    state = _STATES.get(instance["State"]["Name"], BROKEN)
    name = tags.get("Name") or f"{tags.get(kinds.INFRASTRUCTURE, '')}-{number}"
    return Host(number, tags.get(kinds.NODE, ""), name, instance["InstanceId"], state, _facts(instance, tags, name))


def _is_alive(instance: Resource) -> bool:
    return instance["State"]["Name"] not in ("shutting-down", "terminated")


def number_of(instance: Resource, tags: Mapping[str, str]) -> int | None:
    """Return the number of a host, from its tag or from its place among those that were made with it."""
    if tags.get(kinds.INSTANCE, "").isdigit():
        return int(tags[kinds.INSTANCE])
    batch = read_numbers(tags.get(kinds.BATCH, ""))
    place = int(instance.get("AmiLaunchIndex", 0))
    return batch[place] if place < len(batch) else None


def _facts(instance: Resource, tags: Mapping[str, str], name: str) -> dict[str, Any]:
    fqdn = tags.get(kinds.FQDN) or name
    cpus, _slash, memory = tags.get(kinds.HAS, "").partition("/")
    return {
        "hostname": fqdn.partition(".")[0],
        "fqdn": fqdn,
        "user": tags.get(kinds.USER, "root"),
        "public_ip": instance.get("PublicIpAddress"),
        "private_ip": instance.get("PrivateIpAddress"),
        "cpus": float(cpus) if cpus else 1,
        "memory": int(memory) if memory.isdigit() else 0,
        "disks": _disks(instance, tags),
        "data_devices": [
            item["DeviceName"]
            for item in instance.get("BlockDeviceMappings") or []
            if item["DeviceName"] != instance.get("RootDeviceName")
        ],
        "instance_type": instance.get("InstanceType", ""),
        "size": tags.get(kinds.SIZE, ""),
        "numbered": kinds.INSTANCE in tags,
        "groups": sorted(item["GroupId"] for item in instance.get("SecurityGroups") or []),
    }


def _disks(instance: Resource, tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """The disks to mount. An NVMe host shows a volume by its id, an older one by its device name, Xen's by another."""
    volumes = {item["DeviceName"]: item["Ebs"]["VolumeId"] for item in instance.get("BlockDeviceMappings") or []}
    found = []
    for key in sorted(key for key in tags if key.startswith(kinds.DISK)):
        letter = key.removeprefix(kinds.DISK)
        name, mount, fs_type = tags[key].split("|")
        volume = volumes.get(f"/dev/sd{letter}", "").replace("-", "")
        paths = [f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume}"] if volume else []
        found.append(
            {
                "name": name,
                "paths": [*paths, f"/dev/sd{letter}", f"/dev/xvd{letter}"],
                "mount": mount,
                "fs_type": fs_type,
            }
        )
    return found

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which flavor a group gets. OpenStack knows no prices: the cheapest is the one that takes least of a site."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from .._hosts.model import Group, HostsError
from .cloud import Cloud
from .errors import status_of
from .kinds import COMPUTE, Resource

GIB = 1024**3
MIB = 1024**2
# From here on a list of flavors has their extra specs.
_WITH_SPECS = (2, 61)
# What a vCPU, a GiB of memory, a GPU and a GiB of disk are worth. A root disk from cinder costs a little more.
_CPU, _MEMORY, _GPU, _DISK, _VOLUME = 1.0, 0.25, 20.0, 0.002, 0.5
_GPU_WORDS = re.compile(r"gpu|nvidia|tesla|\b[avlth]\d{1,3}\b|quadro|radeon|\bmi\d{2,3}", re.IGNORECASE)


@dataclass(frozen=True)
class Size:
    """A flavor: `memory` in bytes, `disk` in GiB, and why it was chosen."""

    id: str
    name: str
    cpus: int
    memory: int
    disk: int
    why: str


@dataclass(frozen=True)
class Gpus:
    """The GPUs of a flavor, with all that its extra specs say about them."""

    count: int = 0
    about: str = ""


def list_flavors(cloud: Cloud, groups: Sequence[Group]) -> list[Resource]:
    """Return the flavors that the project may use, with their extra specs. Raises HostsError."""
    if cloud.site.highest(COMPUTE) >= _WITH_SPECS:
        return _listed(cloud, "2.61")
    found = _listed(cloud, "")
    if not any(group.num_gpus for group in groups):
        return found
    specs = cloud.each(partial(_specs, cloud), found)
    return [{**item, "extra_specs": more} for item, more in zip(found, specs, strict=True)]


def find_size(cloud: Cloud, group: Group, flavors: Sequence[Resource], least_disk: int, least_memory: int) -> Size:
    """Return the flavor that a group names, or the cheapest that fits. Raises HostsError.

    `least_disk` (GiB) and `least_memory` (bytes) are what the image wants. Where the site has cinder, the root disk may
    be a volume: then the flavor's own may be too small.
    """
    if group.instance_type:
        found = [item for item in flavors if group.instance_type in (item["name"], item["id"])]
        if not found:
            names = ", ".join(sorted(str(item["name"]) for item in flavors)) or "none"
            raise HostsError(f"There is no flavor {group.instance_type!r} on {cloud.name}.", f"there are {names}.")
        return _size(found[0], f"flavor {found[0]['name']}: the template names it")
    disk = max(least_disk, -(-group.disk // GIB))
    fitting = [item for item in flavors if fits(item, group, least_memory) and _disk_fits(cloud, item, disk)]
    if not fitting:
        raise HostsError(
            f"No flavor on {cloud.name} has what group {group.node} asks for: {_asked(group, disk)}.",
            f"ask for less, or name a flavor as instance_type; the largest are {_largest(flavors)}.",
        )
    best = min(fitting, key=lambda item: (estimate(item, disk), str(item["name"])))
    return _size(best, f"flavor {best['name']}: the smallest of {len(fitting)} with {_asked(group, disk)}")


def fits(item: Resource, group: Group, least_memory: int = 0) -> bool:
    """Tell whether a flavor has at least the vCPUs, memory and GPUs that a group asks for."""
    if item.get("OS-FLV-DISABLED:disabled"):
        return False
    if int(item["vcpus"]) < group.cpus or int(item["ram"]) * MIB < max(group.memory, least_memory):
        return False
    gpus = gpus_of(item)
    if not group.num_gpus:
        return not gpus.count
    wanted = [group.gpu_vendor.lower(), group.gpu_model.lower()]
    return gpus.count >= group.num_gpus and all(word in gpus.about for word in wanted)


def gpus_of(item: Resource) -> Gpus:
    """Return the GPUs of a flavor: as EGI's sites tell them, as PCI devices, as virtual ones, or as accelerators."""
    specs = {str(key).lower(): str(value) for key, value in (item.get("extra_specs") or {}).items()}
    about = " ".join([str(item["name"]), *specs.values()]).lower()
    if specs.get("accelerator:type", "").lower() == "gpu":
        return Gpus(_number(specs.get("accelerator:number", "1")), about)
    count = _number(specs.get("resources:vgpu", "0"))
    for key, value in specs.items():
        if key.startswith("resources:custom_") and _GPU_WORDS.search(key):
            count += _number(value)
            about += f" {key}"
    for alias in filter(None, specs.get("pci_passthrough:alias", "").split(",")):
        name, _colon, number = alias.partition(":")
        count += _number(number or "1") if _GPU_WORDS.search(f"{name} {item['name']}") else 0
    if not count and _GPU_WORDS.search(specs.get("accel:device_profile", "")):
        count = 1
    return Gpus(count, about)


def estimate(item: Resource, disk: int = 0) -> float:
    """Return what a flavor takes of a site, without a unit: only good for comparing."""
    price = int(item["vcpus"]) * _CPU + int(item["ram"]) / 1024 * _MEMORY + gpus_of(item).count * _GPU
    return price + int(item["disk"]) * _DISK + (_VOLUME if int(item["disk"]) < max(1, disk) else 0)


def key_of(group: Group) -> str:
    """Return what stands for a group and a size of it, since one host may have a size of its own."""
    return f"{group.node} {wish_of(group)}"


def wish_of(group: Group) -> str:
    """Return what tells one wish for a size from another."""
    wish = [group.instance_type, group.cpus, group.memory, group.num_gpus, group.gpu_vendor, group.gpu_model]
    return hashlib.sha256(json.dumps(wish).encode()).hexdigest()[:16]


def _listed(cloud: Cloud, version: str) -> list[Resource]:
    return list(cloud.call(COMPUTE, "GET", "/flavors/detail", version=version).get("flavors") or [])


def _specs(cloud: Cloud, item: Resource) -> Mapping[str, str]:
    """The extra specs of one flavor; a site may keep them to itself."""
    try:
        answer = cloud.call(COMPUTE, "GET", f"/flavors/{item['id']}/os-extra_specs")
    except HostsError as error:
        if status_of(error) in (403, 404):
            return {}
        raise
    return dict(answer.get("extra_specs") or {})


def _disk_fits(cloud: Cloud, item: Resource, disk: int) -> bool:
    return int(item["disk"]) >= max(1, disk) or cloud.has("block-storage")


def _size(item: Resource, why: str) -> Size:
    memory = int(item["ram"]) * MIB
    return Size(str(item["id"]), str(item["name"]), int(item["vcpus"]), memory, int(item["disk"]), why)


def _asked(group: Group, disk: int) -> str:
    gpus = f", {group.num_gpus} GPU {group.gpu_vendor} {group.gpu_model}".rstrip() if group.num_gpus else ""
    disks = f", {disk} GiB of disk" if disk else ""
    return f"{group.cpus:g} vCPU, {group.memory / GIB:.1f} GiB{disks}{gpus}"


def _largest(flavors: Sequence[Resource]) -> str:
    found = sorted(flavors, key=lambda item: (int(item["vcpus"]), int(item["ram"])))[-4:]
    return ", ".join(f"{item['name']} ({item['vcpus']} vCPU, {int(item['ram']) / 1024:.1f} GiB)" for item in found)


def _number(text: str) -> int:
    return int(text) if text.strip().isdigit() else 0

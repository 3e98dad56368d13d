# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instance type a group gets: the one that the template names, or the cheapest that fits.

EC2's API tells no prices, and the price list is hundreds of megabytes. So prices are estimated from what a type has;
the estimate orders the types as the price list of Linux in us-east-1 does, but for a few per cent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .._hosts.model import Group, HostsError
from .cloud import Cloud
from .images import architecture_of
from .kinds import Resource

MIB = 1024**2
# Dollars an hour for a vCPU and a GiB of memory, by family. Burstable types are paid by memory alone.
_RATES = {
    "t": (0.0, 0.0104), "a": (0.0165, 0.0043), "m": (0.033, 0.00375), "c": (0.0345, 0.004), "r": (0.033, 0.00375),
    "x": (0.04, 0.0065), "z": (0.06, 0.0081), "i": (0.055, 0.006), "d": (0.05, 0.006), "h": (0.05, 0.006),
    "g": (0.045, 0.005), "p": (0.05, 0.005), "inf": (0.04, 0.006), "trn": (0.05, 0.006),
}  # fmt: skip
_UNKNOWN = (0.08, 0.008)
_GPUS = {
    "k80": 0.7, "m60": 0.5, "t4": 0.25, "t4g": 0.2, "a10g": 0.6, "l4": 0.45, "l40s": 1.3, "v100": 2.6, "a100": 3.2,
    "h100": 8.0, "h200": 9.0, "radeon pro v520": 0.2,
}  # fmt: skip
_TYPE = re.compile(r"(?P<family>[a-z]+(?:-[a-z0-9]+)?)(?P<generation>\d+)(?P<extras>[a-z0-9-]*)\.(?P<size>[a-z0-9-]+)")


@dataclass(frozen=True)
class Size:
    """An instance type: vCPUs, bytes of memory, why it was chosen."""

    name: str
    cpus: int
    memory: int
    why: str = ""


def wish_of(group: Group) -> str:
    """Return what a group asks for as one short text; hosts bear it, so that another wish is seen later."""
    gpu = f" {group.num_gpus}x{group.gpu_vendor}:{group.gpu_model}" if group.num_gpus else ""
    return f"{group.instance_type or 'any'} {group.cpus:g} {group.memory}{gpu}"[:250]


def key_of(group: Group) -> str:
    """Return what stands for a group and a size of it, since one host may have a size of its own."""
    return f"{group.node} {wish_of(group)}"


def find_size(cloud: Cloud, group: Group, types: Iterable[Resource]) -> Size:
    """Return the instance type of a group out of those that the region has. Raises HostsError."""
    known = list(types)
    if group.instance_type:
        named = [item for item in known if item["InstanceType"] == group.instance_type]
        if not named:
            raise HostsError(
                f"There is no instance type {group.instance_type!r} in {cloud.region} (group {group.node})."
            )
        return _size(named[0], f"type {group.instance_type}: the template names it")
    architecture = architecture_of(group)
    fitting = [item for item in known if fits(item, group, architecture)]
    if not fitting:
        raise HostsError(
            f"No instance type in {cloud.region} has what group {group.node} asks for: {_asked(group, architecture)}.",
            "ask for less, or name an instance_type.",
        )
    best = min(fitting, key=lambda item: (estimate(item), item["InstanceType"]))
    asked = _asked(group, architecture)
    why = f"type {best['InstanceType']}: the cheapest of {len(fitting)} with {asked}, about {estimate(best):.3f} $/h"
    return _size(best, why)


def list_types(cloud: Cloud, names: Iterable[str] = ()) -> list[Resource]:
    """Return the instance types of the region: those named, or all that are current and no bare metal."""
    wanted = sorted(set(names))
    if wanted:
        filters = [{"Name": "instance-type", "Values": wanted}]
    else:
        filters = [{"Name": "current-generation", "Values": ["true"]}, {"Name": "bare-metal", "Values": ["false"]}]
    return cloud.listed("describe_instance_types", "InstanceTypes", Filters=filters)


def fits(item: Resource, group: Group, architecture: str) -> bool:
    """Tell whether an instance type has at least what a group asks for."""
    if item.get("BareMetal") or architecture not in item.get("ProcessorInfo", {}).get("SupportedArchitectures", []):
        return False
    if group.preemptible and "spot" not in item.get("SupportedUsageClasses", ["spot"]):
        return False
    if int(item["VCpuInfo"]["DefaultVCpus"]) < group.cpus or int(item["MemoryInfo"]["SizeInMiB"]) * MIB < group.memory:
        return False
    return _has_gpus(item, group)


def estimate(item: Resource) -> float:
    """Return about how many dollars an hour an instance type costs."""
    match = _TYPE.fullmatch(str(item["InstanceType"]))
    family, extras = (match["family"], match["extras"]) if match else ("", "")
    per_cpu, per_gib = _RATES.get(family, _UNKNOWN)
    price = int(item["VCpuInfo"]["DefaultVCpus"]) * per_cpu + int(item["MemoryInfo"]["SizeInMiB"]) / 1024 * per_gib
    price *= 1.115 if match and family == "t" and match["generation"] == "2" else 1.0
    price *= 0.81 if "g" in extras else 0.9 if "a" in extras else 1.0
    price *= 1.0 + 0.12 * ("d" in extras) + 0.2 * ("n" in extras) + 0.4 * ("z" in extras)
    return price + sum(_gpu_price(gpu) for gpu in item.get("GpuInfo", {}).get("Gpus", []))


def _gpu_price(gpu: Resource) -> float:
    return int(gpu.get("Count", 1)) * _GPUS.get(str(gpu.get("Name", "")).lower(), 2.0)


def _has_gpus(item: Resource, group: Group) -> bool:
    gpus = item.get("GpuInfo", {}).get("Gpus", [])
    if not group.num_gpus:
        return not gpus
    matching = [
        gpu
        for gpu in gpus
        if group.gpu_vendor.lower() in str(gpu.get("Manufacturer", "")).lower()
        and group.gpu_model.lower() in str(gpu.get("Name", "")).lower()
    ]
    return sum(int(gpu.get("Count", 1)) for gpu in matching) >= group.num_gpus


def _size(item: Resource, why: str) -> Size:
    return Size(
        str(item["InstanceType"]),
        int(item["VCpuInfo"]["DefaultVCpus"]),
        int(item["MemoryInfo"]["SizeInMiB"]) * MIB,
        why,
    )


def _asked(group: Group, architecture: str) -> str:
    gpus = f", {group.num_gpus} GPU {group.gpu_vendor} {group.gpu_model}".rstrip() if group.num_gpus else ""
    return f"{group.cpus:g} vCPU, {group.memory / 1024**3:.1f} GiB, {architecture}{gpus}"

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the project may still have, asked before anything is made: half a cluster helps nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._hosts.model import HostsError
from .cloud import Cloud
from .errors import status_of
from .kinds import COMPUTE, NETWORK, STORAGE

# What nova and cinder call the limits and what is used of them.
_COMPUTE = {
    "hosts": ("maxTotalInstances", "totalInstancesUsed"),
    "vCPU": ("maxTotalCores", "totalCoresUsed"),
    "MiB of memory": ("maxTotalRAMSize", "totalRAMUsed"),
}
_STORAGE = {
    "volumes": ("maxTotalVolumes", "totalVolumesUsed"),
    "GiB of volumes": ("maxTotalVolumeGigabytes", "totalGigabytesUsed"),
}
_NETWORK = {
    "networks": "network",
    "subnets": "subnet",
    "ports": "port",
    "routers": "router",
    "floating IPs": "floatingip",
    "security groups": "security_group",
    "rules of security groups": "security_group_rule",
}


def compute_limits(cloud: Cloud) -> dict[str, Any]:
    """Return the limits of nova for the project, and what is used of them. Raises HostsError."""
    return dict(_ask(cloud, COMPUTE, "/limits").get("limits", {}).get("absolute", {}))


def check_quota(cloud: Cloud, limits: Mapping[str, Any], needs: Mapping[str, int], freed: Mapping[str, int]) -> None:
    """Raise HostsError when the project may not have what is needed.

    `limits` are those of nova, `freed` is what goes before. What a site does not tell is not checked.
    """
    wanted = {name: number for name, number in needs.items() if number > 0}
    short = []
    for name, left in sorted(_left(cloud, limits, wanted).items()):
        if wanted[name] > left + freed.get(name, 0):
            short.append(f"needs {wanted[name]} {name}, {max(0, left + freed.get(name, 0))} are left")
    if short:
        raise HostsError(
            f"The quota of the project on {cloud.name} is not enough: {'; '.join(short)}.",
            "ask for less, remove what is not used, or ask the site for more.",
        )


def _left(cloud: Cloud, limits: Mapping[str, Any], wanted: Mapping[str, int]) -> dict[str, int]:
    """What is left of each thing that is wanted, for those that have a limit."""
    found = _absolute(limits, {name: pair for name, pair in _COMPUTE.items() if name in wanted})
    if _STORAGE.keys() & wanted.keys():
        absolute = _ask(cloud, STORAGE, "/limits").get("limits", {}).get("absolute", {})
        found |= _absolute(absolute, {name: pair for name, pair in _STORAGE.items() if name in wanted})
    if _NETWORK.keys() & wanted.keys():
        details = _ask(cloud, NETWORK, f"/quotas/{cloud.site.project}/details").get("quota", {})
        found |= _details(details, {name: word for name, word in _NETWORK.items() if name in wanted})
    return found


def _absolute(limits: Mapping[str, Any], words: Mapping[str, tuple[str, str]]) -> dict[str, int]:
    known = {name: pair for name, pair in words.items() if int(limits.get(pair[0], -1)) >= 0}
    return {name: int(limits[most]) - int(limits.get(used, 0)) for name, (most, used) in known.items()}


def _details(details: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, int]:
    found = {}
    for name, word in words.items():
        item = details.get(word) or {}
        if int(item.get("limit", -1)) >= 0:
            found[name] = int(item["limit"]) - int(item.get("used", 0)) - int(item.get("reserved", 0))
    return found


def _ask(cloud: Cloud, service: str, path: str) -> dict[str, Any]:
    if not cloud.has(service):
        return {}
    try:
        return cloud.call(service, "GET", path)
    except HostsError as error:
        if status_of(error) in (403, 404):
            return {}
        raise

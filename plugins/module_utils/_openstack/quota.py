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


class Limits:
    """What the services let the project have, and what is used of it; each service is asked once."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._known: dict[str, Mapping[str, Any]] = {}

    def of(self, service: str) -> Mapping[str, Any]:
        """Return the limits of a service, in its own words; nothing when it does not tell them. Raises HostsError."""
        if service not in self._known:
            if service == NETWORK:
                found = _ask(self.cloud, service, f"/quotas/{self.cloud.site.project}/details").get("quota", {})
            else:
                found = _ask(self.cloud, service, "/limits").get("limits", {}).get("absolute", {})
            self._known[service] = found
        return self._known[service]


def check_quota(limits: Limits, needs: Mapping[str, int], freed: Mapping[str, int]) -> None:
    """Raise HostsError when the project may not have what is needed.

    `freed` is what goes before. What a site does not tell is not checked.
    """
    wanted = {name: number for name, number in needs.items() if number > 0}
    short = []
    for name, left in sorted(_left(limits, wanted).items()):
        if wanted[name] > left + freed.get(name, 0):
            short.append(f"needs {wanted[name]} {name}, {max(0, left + freed.get(name, 0))} are left")
    if short:
        raise HostsError(
            f"The quota of the project on {limits.cloud.name} is not enough: {'; '.join(short)}.",
            "ask for less, remove what is not used, or ask the site for more.",
        )


def _left(limits: Limits, wanted: Mapping[str, int]) -> dict[str, int]:
    """What is left of each thing that is wanted, for those that have a limit."""
    found: dict[str, int] = {}
    for service, words in ((COMPUTE, _COMPUTE), (STORAGE, _STORAGE)):
        asked = {name: pair for name, pair in words.items() if name in wanted}
        found |= _absolute(limits.of(service), asked) if asked else {}
    if _NETWORK.keys() & wanted.keys():
        found |= _details(limits.of(NETWORK), {name: word for name, word in _NETWORK.items() if name in wanted})
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

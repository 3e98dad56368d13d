# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An infrastructure on several clouds: each cloud gets its part, and what they return is joined.

`parts` are what the clouds said, `{cloud: {instances, surplus, last}}`, in the order in which they were asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._errors import ChoiceError
from .evaluate import Instance

Parts = Mapping[str, Mapping[str, Any]]


def join_clouds(parts: Parts, kind: str) -> list[Instance]:
    """Return the `instances` or the `surplus` of all clouds in the order of their numbers, each with its `cloud`."""
    found = [{**item, "cloud": cloud} for cloud, part in parts.items() for item in part[kind]]
    return sorted(found, key=lambda item: int(item["id"]))


def last_number(parts: Parts) -> int:
    """Return the highest number that a host of any cloud ever had, -1 for none."""
    numbers = [int(item["id"]) for part in parts.values() for item in (*part["instances"], *part["surplus"])]
    return max([-1, *numbers, *(int(part["last"]) for part in parts.values())])


def part_of_cloud(
    items: Sequence[dict[str, Any]] | None, placement: Mapping[str, str], cloud: str
) -> list[dict[str, Any]] | None:
    """Return the groups, or the wanted hosts, that live on a cloud; None stays None."""
    return None if items is None else [item for item in items if placement[item["node"]] == cloud]


def networks_of(networks: Sequence[dict[str, Any]], groups: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the networks that the groups name; a cloud makes no other."""
    named = {name for group in groups for name in group["networks"]}
    return [network for network in networks if network["name"] in named]


def hosts_by_cloud(parts: Parts, words: Iterable[str]) -> dict[str, list[str]]:
    """Return the hosts that the words name by their cloud; for no word all clouds, with none named.

    A word is a host's name in the cloud, its own name, its full name, its id in the cloud or its number. Raises
    `ChoiceError` listing the hosts that are there.
    """
    wanted = list(dict.fromkeys(str(word).strip() for word in words if str(word).strip()))
    if not wanted:
        return {cloud: [] for cloud in parts}
    found: dict[str, list[str]] = {}
    for word in wanted:
        matches = [item for item in join_clouds(parts, "instances") if word in _names(item)]
        if not matches:
            there = ", ".join(f"{item['name']} ({item['hostname']})" for item in join_clouds(parts, "instances"))
            raise ChoiceError.of(f"There is no host {word}.", f"Hosts that are there: {there or 'none'}.")
        for item in matches:
            found.setdefault(item["cloud"], []).append(item["name"])
    return found


def _names(item: Instance) -> set[str]:
    return {str(item[key]) for key in ("name", "hostname", "fqdn", "cloud_id", "id") if item.get(key) is not None}

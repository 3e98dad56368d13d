# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that have another size than they are wanted with now are given another flavor, which restarts them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .._hosts.changes import Changes
from .._hosts.model import RUNNING, Group, Host
from . import flavors
from .cloud import Cloud
from .flavors import Size
from .kinds import COMPUTE, SERVERS
from .launch import size_metadata
from .lifecycle import act
from .request import Request
from .waiting import wait_for_status

Line = Callable[[Host, str], str]
_CHANGED = "VERIFY_RESIZE"


class Resizer:
    """Finds the hosts that have another size than they are wanted with, and changes them."""

    def __init__(self, cloud: Cloud, request: Request, keep: Sequence[Host]) -> None:
        self._cloud, self._request = cloud, request
        self._groups = {host.id: request.own_group(host) for host in keep}
        wishes = {number: flavors.wish_of(group) for number, group in self._groups.items()}
        self._hosts = [host for host in keep if host.facts["size"] not in ("", wishes[host.id])]
        self._half = [host for host in keep if host.facts["status"] in (_CHANGED, "RESIZE")]
        self.groups: list[Group] = [self._groups[host.id] for host in self._hosts]

    def apply(self, changes: Changes, wanted: Mapping[str, Size], line: Line) -> set[int]:
        """Give the hosts their flavors; return the numbers of those that had another one. Raises HostsError.

        `wanted` is the flavor of each group and size.
        """
        chosen = {host.id: wanted[flavors.key_of(self._groups[host.id])] for host in self._hosts}
        if self._half:
            changes.do(self._finish)
        other = [host for host in self._hosts if chosen[host.id].id != host.facts["flavor"]]
        for host in other:
            old, new = host.facts["instance_type"] or "another flavor", chosen[host.id].name
            changes.alter(f"{line(host, host.state)}, {old}", f"{line(host, RUNNING)}, {new}", lambda: None)
        if self._hosts:
            changes.do(lambda: self._change(other, chosen))
        return {host.id for host in other}

    def _finish(self) -> None:
        """Confirm what a run that was killed left."""
        self._confirm([host.cloud_id for host in self._half])

    def _change(self, other: Sequence[Host], chosen: Mapping[int, Size]) -> None:
        def resize(host: Host) -> None:
            act(self._cloud, host.cloud_id, "resize", {"flavorRef": chosen[host.id].id})

        def tell(host: Host) -> None:
            path = f"{SERVERS.path}/{host.cloud_id}/metadata"
            metadata = size_metadata(self._groups[host.id], chosen[host.id])
            self._cloud.call(COMPUTE, "POST", path, {"metadata": metadata})

        self._cloud.each(resize, other)
        self._confirm([host.cloud_id for host in other])
        # The metadata comes last: a run that is killed before it does this again.
        self._cloud.each(tell, self._hosts)

    def _confirm(self, ids: Sequence[str]) -> None:
        if not ids:
            return
        name, timeout = self._request.infrastructure, self._request.timeout
        there = wait_for_status(self._cloud, name, ids, (_CHANGED, "ACTIVE", "SHUTOFF"), timeout)
        changed = [number for number in ids if there[number]["status"] == _CHANGED]
        self._cloud.each(lambda number: act(self._cloud, number, "confirmResize"), changed)
        wait_for_status(self._cloud, name, ids, ("ACTIVE", "SHUTOFF"), timeout)

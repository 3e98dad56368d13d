# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing the type of hosts that are wanted with another size than they were made with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .._hosts.model import RUNNING, Group, Host
from . import kinds, sizes
from .changes import Changes
from .cloud import Cloud
from .kinds import as_tags
from .request import Request
from .sizes import Size
from .waiting import wait_for_state

Line = Callable[[Host, str], str]


class Resizer:
    """Finds the hosts that are wanted with another size than they have, and changes them. They stop for that."""

    def __init__(self, cloud: Cloud, request: Request, keep: Sequence[Host]) -> None:
        self._cloud, self._infrastructure = cloud, request.infrastructure
        self._groups = {host.id: request.own_group(host) for host in keep}
        wishes = {number: sizes.wish_of(group) for number, group in self._groups.items()}
        self._hosts = [host for host in keep if host.facts["size"] not in ("", wishes[host.id])]
        self._wishes = wishes
        self.groups: list[Group] = [self._groups[host.id] for host in self._hosts]

    def apply(self, changes: Changes, wanted: Mapping[str, Size], line: Line, timeout: float) -> set[int]:
        """Stop the hosts and change their types; return the numbers of those that must be started then.

        `wanted` is the type of each group and size.
        """
        chosen = {host.id: wanted[sizes.key_of(self._groups[host.id])] for host in self._hosts}
        other = [host for host in self._hosts if chosen[host.id].name != host.facts["instance_type"]]
        for host in other:
            old, new = host.facts["instance_type"], chosen[host.id].name
            changes.alter(f"{line(host, host.state)}, {old}", f"{line(host, RUNNING)}, {new}", lambda: None)
        if self._hosts:
            changes.do(lambda: self._change(other, chosen, timeout))
        return {host.id for host in other}

    def _change(self, other: Sequence[Host], chosen: Mapping[int, Size], timeout: float) -> None:
        ids = [host.cloud_id for host in other]
        if ids:
            self._cloud.in_chunks("stop_instances", ids)
            wait_for_state(self._cloud, self._infrastructure, ids, "stopped", timeout)
        for host in other:
            kind = {"Value": chosen[host.id].name}
            self._cloud.call("modify_instance_attribute", InstanceId=host.cloud_id, InstanceType=kind)
        # The tag comes last: a run that is killed before it does this again.
        for host in self._hosts:
            size = chosen[host.id]
            tags = {kinds.SIZE: self._wishes[host.id], kinds.HAS: f"{size.cpus}/{size.memory}"}
            self._cloud.call("create_tags", Resources=[host.cloud_id], Tags=as_tags(tags))

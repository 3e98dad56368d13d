# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Giving hosts that are there another size, while they run.

The labels of a container stay what they were, so a host with another size than it was made with has a volume that
remembers it. Podman forgets a changed limit when a container stops: it is set again whenever the host starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from .._hosts.model import Group, Host, HostsError
from .._hosts.progress import say
from . import api, seen
from .ability import known_ability
from .create import in_parallel
from .design import LEAST_MEMORY, cpus_of
from .engine import Engine


@dataclass(frozen=True)
class Resize:
    """A host, and the size that it gets."""

    host: Host
    cpus: float
    memory: int

    @property
    def changed(self) -> Host:
        """The host as it is then."""
        return replace(self.host, facts={**self.host.facts, "cpus": self.cpus, "memory": self.memory})

    def lines(self) -> tuple[str, str]:
        """Return what a diff says: before and after."""
        return _line(self.host), _line(self.changed)


def find_resizes(hosts: Iterable[Host], groups: Mapping[int, Group], cpu_count: int) -> list[Resize]:
    """Return what has to change; `groups` are the groups of the hosts, each with the size that this host should have.

    A group that asks for no memory is content with what there is.
    """
    found = []
    for host in hosts:
        group = groups[host.id]
        wanted = Resize(host, cpus_of(group, cpu_count), group.memory or host.facts.get("memory", 0))
        if wanted.changed.facts != host.facts:
            found.append(wanted)
    return found


def resize_hosts(engine: Engine, infrastructure: str, resizes: Iterable[Resize]) -> list[str]:
    """Change the size of running hosts; return warnings. Raises HostsError naming those that do not change."""
    wanted = list(resizes)
    if not wanted:
        return []
    say(f"changing the size of hosts: {len(wanted)}")
    limits = known_ability(engine).limits

    def change(item: Resize) -> None:
        if limits:
            limit(engine, item.changed)
        # The memory of it comes last: a run that is killed before does this again.
        name = f"{item.host.name}-size"
        labels = {
            seen.INFRASTRUCTURE: infrastructure,
            seen.INSTANCE: str(item.host.id),
            seen.SIZE: f"{item.cpus:g}/{item.memory}",
        }
        api.remove_volume(engine, name)
        api.create_volume(engine, name, labels)

    failed = in_parallel(change, wanted)
    if failed:
        problems = [f"Host {item.host.name} cannot get another size: {reason}" for item, reason in failed]
        raise HostsError("; ".join(problems) + ".", "give it more memory than its programs use.")
    return [] if limits else ["This machine cannot limit the CPUs and the memory of hosts."]


def limit(engine: Engine, host: Host) -> None:
    """Set the limits of a running host as its facts say. Raises EngineError."""
    memory = int(host.facts.get("memory") or 0)
    api.limit_host(engine, host.name, float(host.facts["cpus"]), max(memory, LEAST_MEMORY) if memory else 0)


def limit_again(engine: Engine, host: Host) -> None:
    """Set the limits of a host that has just started, when they are not those that it was made with."""
    if host.facts.get("resized") and known_ability(engine).limits:
        limit(engine, host)


def _line(host: Host) -> str:
    return f"size of host {host.name}: {host.facts.get('cpus', 0):g} CPUs, {host.facts.get('memory', 0) // 1024**2} MiB"

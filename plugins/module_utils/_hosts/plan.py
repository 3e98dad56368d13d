# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts to create, to keep and to give up: pure, the same for every cloud."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .model import BROKEN, Group, Host, HostsError, Slot


@dataclass(frozen=True)
class Plan:
    """What converges the cloud.

    `create`: hosts that are missing. `keep`: hosts that stay. `surplus`: hosts that are too many (whether they go is up
    to `purge`). `broken`: remains that must go in any case. `last`: the highest number ever used, before this plan.
    """

    create: tuple[Slot, ...]
    keep: tuple[Host, ...]
    surplus: tuple[Host, ...]
    broken: tuple[Host, ...]
    last: int


def make_plan(
    groups: Sequence[Group], observed: Iterable[Host], wanted: Sequence[Slot] | None = None, last: int = -1
) -> Plan:
    """Return the plan for `groups`, or for the exact list `wanted` when it is given.

    `last` is the highest number ever used as far as the cloud remembers it. A number of a host that exists, broken or
    not, is never given to a new one. Raises HostsError when one number is wanted twice, or a host of an unknown group.
    """
    hosts = sorted(observed, key=lambda host: host.id)
    broken = tuple(host for host in hosts if host.state == BROKEN)
    alive = [host for host in hosts if host.state != BROKEN]
    last = max([last, *(host.id for host in hosts)])
    keep, create = _exact(groups, alive, wanted) if wanted is not None else _counted(groups, alive, last)
    kept = {host.id for host in keep}
    surplus = tuple(host for host in alive if host.id not in kept)
    return Plan(tuple(create), tuple(keep), surplus, broken, last)


def mark_needed(deleted: Iterable[Host], remaining: Iterable[int], mark: int) -> int | None:
    """Return the number the cloud has to remember when `deleted` go, None when what it has is enough.

    `remaining`: the numbers of the hosts that stay. `mark`: what the cloud remembers now, -1 for nothing.
    """
    highest = max((host.id for host in deleted), default=-1)
    return highest if highest > max([mark, *remaining]) else None


def _exact(groups: Sequence[Group], alive: list[Host], wanted: Sequence[Slot]) -> tuple[list[Host], list[Slot]]:
    if len({slot.id for slot in wanted}) != len(wanted):
        raise HostsError("The list of wanted instances names an id twice.")
    unknown = sorted({slot.node for slot in wanted} - {group.node for group in groups})
    if unknown:
        raise HostsError(f"The list of wanted instances names groups that do not exist: {', '.join(unknown)}.")
    slots = set(wanted)
    keep = [host for host in alive if Slot(host.id, host.node) in slots]
    taken = {host.id: host.node for host in alive}
    create = [slot for slot in wanted if taken.get(slot.id) != slot.node]
    clash = sorted(slot.id for slot in create if slot.id in taken)
    if clash:
        raise HostsError(f"Instance {clash[0]} exists already in the group {taken[clash[0]]}.", "use a new id.")
    return keep, sorted(create, key=lambda slot: slot.id)


def _counted(groups: Sequence[Group], alive: list[Host], last: int) -> tuple[list[Host], list[Slot]]:
    keep: list[Host] = []
    create: list[Slot] = []
    for group in groups:
        have = [host for host in alive if host.node == group.node]
        keep.extend(_leave(have, group))
        for _missing in range(group.count - len(have)):
            last += 1
            create.append(Slot(last, group.node))
    return sorted(keep, key=lambda host: host.id), create


def _leave(have: list[Host], group: Group) -> list[Host]:
    """The hosts of a group that stay: those named in `remove` go first, then those with the highest numbers."""
    order = sorted(have, key=lambda host: (host.id in group.remove, host.id))
    return order[: group.count]

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removing hosts and what belongs to them."""

from __future__ import annotations

import time
from collections.abc import Iterable

from .._hosts.model import Host, HostsError
from .._hosts.plan import mark_needed
from . import api, seen
from .create import in_parallel
from .engine import Engine, EngineError

_ROUNDS = 6
_PAUSE = 0.5


def delete_hosts(
    engine: Engine, infrastructure: str, observed: seen.Seen, doomed: Iterable[Host], staying: Iterable[int]
) -> None:
    """Remove hosts; the infrastructure goes on knowing the highest number it ever used. Raises EngineError."""
    going = list(doomed)
    if going:
        remember_last(engine, infrastructure, observed, going, staying)
        api.remove_hosts(engine, [host.name for host in going])


def remember_last(
    engine: Engine, infrastructure: str, observed: seen.Seen, going: Iterable[Host], staying: Iterable[int]
) -> None:
    """Keep the highest number of the hosts that go, when no other memory of it remains."""
    number = mark_needed(going, staying, max(observed.marks.values(), default=-1))
    if number is None:
        return
    labels = {seen.INFRASTRUCTURE: infrastructure, seen.LAST: str(number)}
    api.create_volume(engine, f"{infrastructure}-last-{number}", labels)
    in_parallel(lambda name: api.remove_volume(engine, name), observed.marks)


def stale_volumes(observed: seen.Seen, staying: Iterable[Host], coming: Iterable[int]) -> list[str]:
    """Return the volumes of hosts that are neither `staying` nor `coming` (numbers), but those that a host mounts."""
    stay = list(staying)
    alive = {str(number) for number in [*(host.id for host in stay), *coming]}
    mounted = {volume for host in stay for volume in host.facts.get("volumes", [])}
    owners = {volume.name: volume.labels.get(seen.INSTANCE) for volume in observed.volumes}
    return [name for name, owner in owners.items() if owner and owner not in alive and name not in mounted]


def remove_volumes(engine: Engine, names: Iterable[str]) -> None:
    """Remove volumes; raises EngineError naming the first one that cannot be removed."""
    failed = in_parallel(lambda name: api.remove_volume(engine, name), names)
    if failed:
        raise EngineError(f"volume {failed[0][0]} cannot be removed: {failed[0][1]}")


def destroy(engine: Engine, infrastructure: str, observed: seen.Seen) -> list[str]:
    """Remove all of an infrastructure and look by label that nothing is left; return the names of its hosts.

    Runs that were killed may still be creating, so it looks several times. Raises HostsError naming what is left, and
    why.
    """
    deleted: dict[str, None] = {}
    reasons: dict[str, str] = {}
    for attempt in range(_ROUNDS):
        if attempt:
            observed = api.observe(engine, infrastructure)
        if not names_of(observed):
            return list(deleted)
        if attempt > 1:
            time.sleep(_PAUSE)
        deleted.update(dict.fromkeys(host.name for host in observed.hosts))
        reasons = _remove_all(engine, observed)
    left = "; ".join(f"{name} ({reasons.get(name.split(' ')[-1], 'it came back')})" for name in names_of(observed))
    raise HostsError(
        f"Infrastructure {infrastructure} is not destroyed, left: {left}.", "remove the reason and destroy again."
    )


def names_of(observed: seen.Seen) -> list[str]:
    """Return everything that bears the label of the infrastructure, as "<kind> <name>"."""
    return [
        *(f"host {host.name}" for host in observed.hosts),
        *(f"network {item.name}" for item in observed.networks),
        *(f"volume {item.name}" for item in observed.volumes),
    ]


def _remove_all(engine: Engine, observed: seen.Seen) -> dict[str, str]:
    reasons: dict[str, str] = {}
    hosts = [host.name for host in observed.hosts]
    if hosts:
        try:
            api.remove_hosts(engine, hosts)
        except EngineError as error:
            reasons.update(dict.fromkeys(hosts, str(error)))
    reasons.update(in_parallel(lambda name: api.remove_volume(engine, name), [item.name for item in observed.volumes]))
    reasons.update(
        in_parallel(lambda name: api.remove_network(engine, name), [item.name for item in observed.networks])
    )
    return reasons

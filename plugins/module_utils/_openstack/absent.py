# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""state=absent: everything of an infrastructure goes, in the order in which it can; and hosts that are too many."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from .._hosts.model import Host, HostsError
from .._hosts.progress import say
from .._hosts.result import Outcome
from . import kinds
from .addresses import release
from .cloud import Cloud
from .errors import status_of
from .kinds import NETWORK, Kind, Resource, id_of, is_renamed, metadata_of
from .request import Request
from .seen import Seen, observe
from .waiting import wait_until_gone

_ROUNDS = 3
_PATIENCE = 30
# Something else still holds it, or it is on its way: neutron says 409, cinder 400.
_HELD = (400, 409)


def absent(cloud: Cloud, request: Request) -> Outcome:
    """Remove an infrastructure; raises HostsError naming what is left, with the reasons."""
    seen = observe(cloud, request.infrastructure, whole=True)
    outcome = Outcome(before=[line for kind in kinds.ALL for line in _lines(kind, seen)])
    outcome.changed = bool(outcome.before)
    outcome.deleted = [host.name for host in seen.hosts]
    if request.check or not outcome.changed:
        return outcome
    reasons: dict[str, str] = {}
    for _round in range(_ROUNDS):
        reasons = Removal(cloud, request.infrastructure, request.timeout).everything(seen)
        seen = observe(cloud, request.infrastructure, whole=True)
        if not any(seen.of(kind) for kind in kinds.ALL):
            return outcome
        cloud.sleep(1)
    left = [f"{line}{_reason(reasons, item, kind)}" for kind in kinds.ALL for line, item in _left(kind, seen)]
    raise HostsError(
        f"Not everything of {request.infrastructure} could be removed: {'; '.join(left)}.",
        "remove what holds them at the site, then destroy again.",
    )


class Removal:
    """Removes what was seen, kind after kind; what cannot be removed is noted with the reason."""

    def __init__(self, cloud: Cloud, infrastructure: str, timeout: float) -> None:
        self._cloud, self._infrastructure, self._timeout = cloud, infrastructure, timeout
        self._reasons: dict[str, str] = {}
        # What could not be removed in the steps before: waiting for what that holds would be in vain.
        self._stuck: frozenset[str] = frozenset()

    def everything(self, seen: Seen) -> dict[str, str]:
        """Remove all; return the reasons by the id of what could not be removed."""
        # Kinds of one step do not hold each other; a server holds no floating IP and no router.
        self._cloud.all_of([partial(self._servers, seen.of(kinds.SERVERS)), partial(self._way_out, seen)])
        self._stuck = frozenset(self._reasons)
        volumes = [partial(self._volumes, lambda item: True)] if seen.of(kinds.VOLUMES) else []
        self._cloud.all_of(
            [
                partial(self._kinds, seen, kinds.PORTS),
                partial(self._kinds, seen, kinds.SERVER_GROUPS, kinds.KEYS),
                *volumes,
            ]
        )
        self._stuck = frozenset(self._reasons)
        self._cloud.all_of(
            [partial(self._kinds, seen, kinds.SUBNETS, kinds.NETS), partial(self._kinds, seen, kinds.GROUPS)]
        )
        return self._reasons

    def _way_out(self, seen: Seen) -> None:
        """Remove the floating IPs, then the routers that they need."""
        addresses = seen.of(kinds.FLOATING_IPS)
        self._each(kinds.FLOATING_IPS, addresses, partial(release, self._cloud), frozenset())
        stuck = frozenset(item["id"] for item in addresses if item["id"] in self._reasons)
        self._each(kinds.ROUTERS, seen.of(kinds.ROUTERS), partial(self._router, seen), stuck)

    def _kinds(self, seen: Seen, *wanted: Kind) -> None:
        """Remove all of some kinds, one kind after the other."""
        stuck = self._stuck
        for kind in wanted:
            items = seen.of(kind)
            self._each(kind, items, None, stuck)
            stuck |= {number for item in items if (number := id_of(kind, item)) in self._reasons}

    def hosts(self, seen: Seen, hosts: Sequence[Host]) -> None:
        """Remove hosts with what is theirs alone. Raises HostsError."""
        left = seen.without(hosts)
        ids, numbers = {host.cloud_id for host in hosts}, {str(host.id) for host in hosts}
        self._servers([item for item in seen.of(kinds.SERVERS) if item["id"] in ids])
        self._stuck = frozenset(self._reasons)
        for kind, action in ((kinds.FLOATING_IPS, partial(release, self._cloud)), (kinds.PORTS, None)):
            kept = {item["id"] for item in left.of(kind)}
            self._each(kind, [item for item in seen.of(kind) if item["id"] not in kept], action)
            self._stuck = frozenset(self._reasons)
        if len(left.of(kinds.VOLUMES)) < len(seen.of(kinds.VOLUMES)):
            self._volumes(lambda item: metadata_of(item).get(kinds.INSTANCE) in numbers)
        if self._reasons:
            raise HostsError(next(iter(self._reasons.values())).replace(" Hint: ", " "), "run again, it goes on.")

    def _servers(self, items: Sequence[Resource]) -> None:
        if not items:
            return
        say(f"removing hosts: {len(items)}")
        self._each(kinds.SERVERS, items)
        ids = [str(item["id"]) for item in items if str(item["id"]) not in self._reasons]
        renamed = any(is_renamed(item, self._infrastructure) for item in items)
        try:
            wait_until_gone(self._cloud, self._infrastructure, ids, self._timeout, renamed)
        except HostsError as error:
            self._reasons.update(dict.fromkeys(ids, str(error)))

    def _volumes(self, wanted: Callable[[Resource], bool]) -> None:
        """Volumes that go with their servers take a while; the others are deleted once nothing holds them."""
        end = time.monotonic() + self._timeout
        tried: set[str] = set()
        while True:
            there = [item for item in self._cloud.mine(kinds.VOLUMES, self._infrastructure) if wanted(item)]
            free = [item for item in there if item["status"] in ("available", "error") and item["id"] not in tried]
            self._each(kinds.VOLUMES, free)
            tried |= {str(item["id"]) for item in free}
            # What servers hold that could not be removed is waited for in vain.
            if not there or self._stuck or any(str(item["id"]) in self._reasons for item in there):
                return
            if time.monotonic() > end or any(item["status"] == "error_deleting" for item in there):
                late = there[0]
                self._reasons.setdefault(str(late["id"]), f"The volume {late['name']} is {late['status']}.")
                return
            self._cloud.sleep(0.5)

    def _router(self, seen: Seen, item: Resource) -> None:
        number = str(item["id"])
        for port in seen.all(kinds.PORTS):
            if port.get("device_id") == number and "router_interface" in str(port.get("device_owner")):
                path = f"{kinds.ROUTERS.path}/{number}/remove_router_interface"
                self._cloud.remove(NETWORK, "PUT", path, {"port_id": port["id"]})
        self._cloud.delete(kinds.ROUTERS, number)

    def _each(
        self,
        kind: Kind,
        items: Sequence[Resource],
        action: Callable[[Resource], None] | None = None,
        stuck: frozenset[str] | None = None,
    ) -> None:
        if items and kind is not kinds.SERVERS:
            say(f"removing {kind.name}: {len(items)}")
        delete = action or (lambda item: self._cloud.delete(kind, id_of(kind, item)))
        self._cloud.each(partial(self._attempt, kind, delete, self._stuck if stuck is None else stuck), items)

    def _attempt(self, kind: Kind, action: Callable[[Resource], None], stuck: frozenset[str], item: Resource) -> None:
        """Remove one resource. What still holds it may be on its way out, but for what is `stuck`."""
        number = id_of(kind, item)
        for _attempt in range(_PATIENCE):
            try:
                action(item)
                self._reasons.pop(number, None)
                return
            except HostsError as error:
                self._reasons[number] = str(error)
                if status_of(error) not in _HELD or stuck - {number}:
                    return
            self._cloud.sleep(0.5)


def _left(kind: Kind, seen: Seen) -> list[tuple[str, Resource]]:
    return [(f"{kind.name} {_word(kind, item)}", item) for item in seen.of(kind)]


def _lines(kind: Kind, seen: Seen) -> list[str]:
    return [line for line, _item in _left(kind, seen)]


def _word(kind: Kind, item: Resource) -> str:
    """What a person calls a resource: its name or its address."""
    return str(item.get("name") or item.get("floating_ip_address") or item["id"])


def _reason(reasons: dict[str, str], item: Resource, kind: Kind) -> str:
    text = reasons.get(id_of(kind, item), "")
    return f" ({text.partition(' Hint: ')[0]})" if text else ""

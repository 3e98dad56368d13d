# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for servers: until they are in a state, until they are gone, until they answer."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from .._hosts.model import Host, HostsError
from .._hosts.progress import Counter
from .._hosts.wait import next_pause, wait_for_doors
from .._hosts.ways import door_of
from . import kinds
from .cloud import Cloud
from .kinds import SERVERS, Resource, is_ours
from .request import Request
from .seen import observe

# Listing servers is work for nova, and it is making some.
_FIRST = 0.5
_EACH = 0.05
_LONGEST_FIRST = 3.0


def servers(cloud: Cloud, infrastructure: str, renamed: bool = False) -> dict[str, Resource]:
    """Return the servers of an infrastructure by their ids; `renamed` ones as well takes longer. Raises HostsError."""
    if not renamed:
        return {str(item["id"]): item for item in cloud.mine(SERVERS, infrastructure)}
    return {str(item["id"]): item for item in cloud.all(SERVERS) or [] if is_ours(SERVERS, item, infrastructure)}


def wait_for_status(
    cloud: Cloud, infrastructure: str, ids: Sequence[str], wanted: Collection[str], timeout: float, fresh: int = 0
) -> dict[str, Resource]:
    """Wait until servers have one of the statuses of nova, and nothing is going on with them.

    `fresh` is how many of them were made just now. Returns all servers of the infrastructure. Raises HostsError naming
    one that fails, or does not get there.
    """
    begin, renamed = time.monotonic(), False
    if fresh:
        cloud.sleep(min(_LONGEST_FIRST, _FIRST + _EACH * fresh))
    while True:
        there = servers(cloud, infrastructure, renamed)
        if not renamed and any(number not in there for number in ids):
            renamed = True
            there = servers(cloud, infrastructure, renamed)
        late = _late(there, ids, wanted)
        if not late:
            return there
        elapsed = time.monotonic() - begin
        if elapsed > timeout:
            raise HostsError(
                f"{len(late)} hosts are not {' or '.join(wanted)} after {timeout:.0f} s, "
                f"e.g. {late[0]['name']} is {late[0]['status']}.",
                "run again to wait longer.",
            )
        cloud.sleep(next_pause(elapsed))


def _late(there: dict[str, Resource], ids: Sequence[str], wanted: Collection[str]) -> list[Resource]:
    """The servers that are not as they shall be. Raises HostsError naming one that fails or is gone."""
    gone = [number for number in ids if number not in there]
    if gone:
        raise HostsError(f"{len(gone)} hosts are gone while this run waits for them.", "run again.")
    failed = [there[number] for number in ids if there[number]["status"] == "ERROR" and "ERROR" not in wanted]
    # What is asked of a server in ERROR takes a moment to show.
    if failed and all(not _task(item) for item in failed):
        raise HostsError(*why_failed(failed[0]))
    return [there[number] for number in ids if there[number]["status"] not in wanted or _task(there[number])]


def wait_until_gone(
    cloud: Cloud, infrastructure: str, ids: Sequence[str], timeout: float, renamed: bool = False
) -> None:
    """Wait until servers are gone; raises HostsError naming one that stays."""
    begin = time.monotonic()
    while True:
        there = servers(cloud, infrastructure, renamed)
        left = [there[number] for number in ids if number in there and there[number]["status"] != "DELETED"]
        if not left:
            return
        elapsed = time.monotonic() - begin
        if elapsed > timeout:
            raise HostsError(
                f"{len(left)} hosts are not gone after {timeout:.0f} s, e.g. {left[0]['name']} is {left[0]['status']}.",
                "run again to wait longer.",
            )
        cloud.sleep(next_pause(elapsed))


def why_failed(server: Resource) -> tuple[str, str]:
    """Return what nova says about a server in ERROR, and a hint."""
    text = " ".join(str((server.get("fault") or {}).get("message") or "nova gives no reason").split()).rstrip(".")
    hint = "run again: another one takes its place."
    if "no valid host" in text.lower():
        hint = "the site has no room for this flavor now: run again later, or take another instance_type or zone."
    return f"Nova failed with the host {server['name']}: {text[:300]}.", hint


def observed_again(cloud: Cloud, infrastructure: str, there: Mapping[str, Resource] | None = None) -> list[Host]:
    """Return the hosts as they are now; `there` are their servers if they were listed just now. Raises HostsError."""
    wanted = (kinds.PORTS, kinds.FLOATING_IPS, kinds.VOLUMES)
    if there is None:
        return observe(cloud, infrastructure, (kinds.SERVERS, *wanted)).hosts
    seen = observe(cloud, infrastructure, wanted)
    return replace(seen, resources={**seen.resources, kinds.SERVERS.name: list(there.values())}).hosts


def wait_for_hosts(request: Request, hosts: Sequence[Host], new: Collection[str]) -> None:
    """Wait until all hosts answer by SSH; the `new` ones are told. Raises HostsError naming those that do not.

    Nothing is done when the request wants no waiting.
    """
    if not request.wait:
        return
    by_name = {host.name: host for host in hosts}
    counter = Counter(len(new), "answers by SSH")
    doors = [door for host in hosts if (door := door_of(host, by_name, request.private_key_file)) is not None]

    def heard(name: str) -> None:
        if name in new:
            counter.count(name)

    silent = wait_for_doors(doors, request.timeout, heard)
    if silent:
        raise HostsError(
            f"No answer by SSH within {request.timeout} s from {', '.join(silent)}.",
            "look at the log of the console (openstack console log show), or run again to wait longer.",
        )


def _task(server: Resource) -> str:
    return str(server.get("OS-EXT-STS:task_state") or "")

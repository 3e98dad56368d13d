# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for servers: until they are in a state, until they are gone, until they answer."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from .._hosts.model import Host, HostsError
from .._hosts.progress import Counter
from .._hosts.wait import wait_for_doors
from .._hosts.ways import door_of
from . import kinds
from .cloud import Cloud
from .kinds import SERVERS, Resource, is_ours
from .request import Request
from .seen import observe

_POLL = 0.7
_LONGEST_POLL = 4.0


def servers(cloud: Cloud, infrastructure: str) -> dict[str, Resource]:
    """Return the servers of an infrastructure by their ids. Raises HostsError."""
    found = cloud.all(SERVERS) or []
    return {str(item["id"]): item for item in found if is_ours(SERVERS, item, infrastructure)}


def wait_for_status(
    cloud: Cloud, infrastructure: str, ids: Sequence[str], wanted: Collection[str], timeout: float
) -> dict[str, Resource]:
    """Wait until servers have one of the statuses of nova, and nothing is going on with them; return them.

    Raises HostsError naming one that fails, or does not get there.
    """
    end, pause = time.monotonic() + timeout, _POLL
    while True:
        there = servers(cloud, infrastructure)
        gone = [number for number in ids if number not in there]
        if gone:
            raise HostsError(f"{len(gone)} hosts are gone while this run waits for them.", "run again.")
        failed = [there[number] for number in ids if there[number]["status"] == "ERROR" and "ERROR" not in wanted]
        # What is asked of a server in ERROR takes a moment to show.
        if failed and all(not _task(item) for item in failed):
            raise HostsError(*why_failed(failed[0]))
        late = [there[number] for number in ids if there[number]["status"] not in wanted or _task(there[number])]
        if not late:
            return {number: there[number] for number in ids}
        if time.monotonic() > end:
            raise HostsError(
                f"{len(late)} hosts are not {' or '.join(wanted)} after {timeout:.0f} s, "
                f"e.g. {late[0]['name']} is {late[0]['status']}.",
                "run again to wait longer.",
            )
        cloud.sleep(pause)
        pause = min(_LONGEST_POLL, pause * 1.3)


def wait_until_gone(cloud: Cloud, infrastructure: str, ids: Sequence[str], timeout: float) -> None:
    """Wait until servers are gone; raises HostsError naming one that stays."""
    end, pause = time.monotonic() + timeout, _POLL
    while True:
        there = servers(cloud, infrastructure)
        left = [there[number] for number in ids if number in there and there[number]["status"] != "DELETED"]
        if not left:
            return
        if time.monotonic() > end:
            raise HostsError(
                f"{len(left)} hosts are not gone after {timeout:.0f} s, e.g. {left[0]['name']} is {left[0]['status']}.",
                "run again to wait longer.",
            )
        cloud.sleep(pause)
        pause = min(_LONGEST_POLL, pause * 1.3)


def why_failed(server: Resource) -> tuple[str, str]:
    """Return what nova says about a server in ERROR, and a hint."""
    text = " ".join(str((server.get("fault") or {}).get("message") or "nova gives no reason").split()).rstrip(".")
    hint = "run again: another one takes its place."
    if "no valid host" in text.lower():
        hint = "the site has no room for this flavor now: run again later, or take another instance_type or zone."
    return f"Nova failed with the host {server['name']}: {text[:300]}.", hint


def observed_again(cloud: Cloud, infrastructure: str) -> list[Host]:
    """Return the hosts as they are now. Raises HostsError."""
    wanted = (kinds.SERVERS, kinds.PORTS, kinds.FLOATING_IPS, kinds.VOLUMES)
    return observe(cloud, infrastructure, wanted).hosts


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

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until hosts run, and until they answer by SSH."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from .._hosts.model import Host, HostsError
from .._hosts.progress import Counter
from .._hosts.wait import next_pause, wait_for_doors
from .._hosts.ways import door_of, with_jumps
from . import kinds
from .cloud import Cloud
from .kinds import Resource
from .request import Request
from .seen import read_hosts

__all__ = ["observed_again", "wait_for_hosts", "wait_for_state", "with_jumps"]


def wait_for_state(cloud: Cloud, infrastructure: str, ids: Sequence[str], state: str, timeout: float) -> None:
    """Wait until instances are in a state of EC2; raises HostsError naming one that does not get there.

    They are found by the tag: one call whatever their number, and one that EC2 does not show yet is no error.
    """
    begin = time.monotonic()
    while True:
        filters = [{"Name": f"tag:{kinds.INFRASTRUCTURE}", "Values": [infrastructure]}]
        found = cloud.listed("describe_instances", "Reservations", Filters=filters)
        there = {item["InstanceId"]: item for reservation in found for item in reservation["Instances"]}
        waiting = [number for number in ids if _state(there.get(number)) != state]
        if state == "terminated":
            waiting = [number for number in waiting if number in there]
        if not waiting:
            return
        ended = [there[number] for number in waiting if _state(there.get(number)) in ("terminated", "shutting-down")]
        if ended and state != "terminated":
            raise HostsError(
                f"EC2 ended the host {_name(ended[0])}: {_reason(ended[0])}.", "run again to make another one."
            )
        elapsed = time.monotonic() - begin
        if elapsed > timeout:
            late = there.get(waiting[0], {"InstanceId": waiting[0], "State": {"Name": "gone"}})
            raise HostsError(
                f"{len(waiting)} hosts are not {state} after {timeout:.0f} s, e.g. {_name(late)} is {_state(late)}.",
                "run again to wait longer.",
            )
        cloud.sleep(next_pause(elapsed))


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
            "look at the console output of the instance (aws ec2 get-console-output), or run again to wait longer.",
        )


def observed_again(cloud: Cloud, request: Request) -> list[Host]:
    """Return the hosts as EC2 has them now."""
    return read_hosts(cloud.tagged(kinds.INSTANCES, request.infrastructure))


def _state(instance: Any) -> str:
    return str(instance["State"]["Name"]) if instance else "gone"


def _name(instance: Resource) -> str:
    return str(kinds.tags_of(instance).get("Name") or instance["InstanceId"])


def _reason(instance: Resource) -> str:
    return str((instance.get("StateReason") or {}).get("Message") or "no reason is given").rstrip(".")

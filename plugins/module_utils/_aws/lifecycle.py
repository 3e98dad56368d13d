# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping, rebooting and listing hosts that exist; the snapshot of a host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .._hosts.choose import choose_hosts
from .._hosts.model import RUNNING, STOPPED, Host, HostsError
from .._hosts.result import Outcome, host_line, instances
from . import kinds
from .cloud import Cloud
from .request import Request
from .seen import Seen, observe
from .waiting import observed_again, wait_for_hosts, wait_for_state, with_jumps


def list_hosts(cloud: Cloud, infrastructure: str) -> list[Host]:
    """Return the hosts of an infrastructure with the ways to them. Raises HostsError."""
    return with_jumps(_observe(cloud, infrastructure).hosts)


def started(cloud: Cloud, request: Request) -> Outcome:
    """Start hosts that are stopped and wait until they answer; raises HostsError."""
    hosts, wanted = _choose(cloud, request)
    asleep = [host for host in wanted if host.state == STOPPED]
    outcome = _switched(hosts, asleep, RUNNING)
    outcome.started = [host.name for host in asleep]
    if not request.check and wanted:
        ids = [host.cloud_id for host in asleep]
        if ids:
            _wait_out(cloud, request, ids, "stopping", "stopped")
            cloud.in_chunks("start_instances", ids)
        wait_for_state(cloud, request.infrastructure, [host.cloud_id for host in wanted], "running", request.timeout)
        _answer(cloud, request, outcome, {host.name for host in asleep}, {host.id for host in wanted})
    return outcome


def stopped(cloud: Cloud, request: Request) -> Outcome:
    """Stop hosts that run and wait until they are stopped; raises HostsError."""
    hosts, wanted = _choose(cloud, request)
    running = [host for host in wanted if host.state == RUNNING]
    outcome = _switched(hosts, running, STOPPED)
    outcome.stopped = [host.name for host in running]
    if not request.check and wanted:
        ids = [host.cloud_id for host in running]
        if ids:
            _wait_out(cloud, request, ids, "pending", "running")
            cloud.in_chunks("stop_instances", ids)
        wait_for_state(cloud, request.infrastructure, [host.cloud_id for host in wanted], "stopped", request.timeout)
        outcome.instances = instances(with_jumps(observed_again(cloud, request)))
    return outcome


def rebooted(cloud: Cloud, request: Request) -> Outcome:
    """Reboot hosts that run and wait until they answer again; raises HostsError."""
    hosts, wanted = _choose(cloud, request)
    running = [host for host in wanted if host.state == RUNNING]
    outcome = Outcome(instances=instances(hosts), changed=bool(running))
    outcome.before = [host_line(host) for host in hosts]
    outcome.after = [host_line(host) + (", rebooted" if host in running else "") for host in hosts]
    outcome.rebooted = [host.name for host in running]
    if running and not request.check:
        cloud.in_chunks("reboot_instances", [host.cloud_id for host in running])
        # EC2 takes the call and reboots a moment later; the old system may still answer until then.
        cloud.sleep(5)
        _answer(cloud, request, outcome, {host.name for host in running}, {host.id for host in running})
    return outcome


def end_hosts(cloud: Cloud, infrastructure: str, ids: Sequence[str], timeout: float) -> None:
    """Terminate instances and wait until they are gone. Raises HostsError."""
    if not ids:
        return
    cloud.in_chunks("terminate_instances", ids)
    wait_for_state(cloud, infrastructure, ids, "terminated", timeout)


def _observe(cloud: Cloud, infrastructure: str) -> Seen:
    return observe(cloud, infrastructure, (kinds.INSTANCES,))


def _choose(cloud: Cloud, request: Request) -> tuple[list[Host], list[Host]]:
    hosts = list_hosts(cloud, request.infrastructure)
    if request.hosts and not hosts:
        raise HostsError(f"{request.infrastructure} has no hosts in {cloud.region}.", "check the name and AWS_REGION.")
    return hosts, choose_hosts(hosts, request.hosts)


def _switched(hosts: Sequence[Host], moving: Sequence[Host], state: str) -> Outcome:
    after = [replace(host, state=state) if host in moving else host for host in hosts]
    return Outcome(
        instances=instances(hosts),
        changed=bool(moving),
        before=[f"host {host.name} ({host.node}): {host.state}" for host in hosts],
        after=[f"host {host.name} ({host.node}): {host.state}" for host in after],
    )


def _wait_out(cloud: Cloud, request: Request, ids: Sequence[str], passing: str, state: str) -> None:
    """Wait for instances that are on their way to a state already."""
    found = cloud.tagged(kinds.INSTANCES, request.infrastructure)
    moving = [item["InstanceId"] for item in found if item["State"]["Name"] == passing and item["InstanceId"] in ids]
    if moving:
        wait_for_state(cloud, request.infrastructure, moving, state, request.timeout)


def _answer(cloud: Cloud, request: Request, outcome: Outcome, new: set[str], numbers: set[int]) -> None:
    hosts = with_jumps(observed_again(cloud, request))
    wait_for_hosts(request, [host for host in hosts if host.state == RUNNING], new)
    outcome.instances = instances(hosts)
    outcome.warnings += [
        f"Host {host.name} is {host.state}." for host in hosts if host.id in numbers and host.state != RUNNING
    ]

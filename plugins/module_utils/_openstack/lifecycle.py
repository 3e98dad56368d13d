# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that are there already: listed, started, stopped, restarted, kept as an image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .._hosts.choose import choose_hosts, choose_one
from .._hosts.model import RUNNING, STOPPED, Host, HostsError
from .._hosts.result import Outcome, host_line, instances
from .._hosts.ways import with_jumps
from . import kinds
from .cloud import Cloud
from .errors import status_of
from .kinds import COMPUTE, IMAGE, SERVERS, USER, Resource
from .request import Request
from .waiting import observed_again, wait_for_hosts, wait_for_status

# How a server is brought back from where it is. One that failed while it ran is started anew.
_WAKE: dict[str, tuple[str, Any]] = {
    "SHUTOFF": ("os-start", None),
    "PAUSED": ("unpause", None),
    "SUSPENDED": ("resume", None),
    "SHELVED": ("unshelve", None),
    "SHELVED_OFFLOADED": ("unshelve", None),
    "ERROR": ("reboot", {"type": "HARD"}),
}
_IMAGE_SECONDS = 1800


def act(cloud: Cloud, server: str, action: str, arguments: Any = None) -> None:
    """Ask nova to do something with a server; what it is doing already, or has done, is fine. Raises HostsError."""
    try:
        cloud.call(COMPUTE, "POST", f"{SERVERS.path}/{server}/action", {action: arguments})
    except HostsError as error:
        if status_of(error) != 409:
            raise


def wake(cloud: Cloud, hosts: Sequence[Host]) -> None:
    """Start hosts, from whatever kind of sleep. Raises HostsError."""

    def one(host: Host) -> None:
        action, arguments = _WAKE.get(str(host.facts["status"]), ("os-start", None))
        act(cloud, host.cloud_id, action, arguments)

    cloud.each(one, hosts)


def list_hosts(cloud: Cloud, infrastructure: str) -> list[Host]:
    """Return the hosts of an infrastructure with the ways to them. Raises HostsError."""
    return with_jumps(observed_again(cloud, infrastructure))


def started(cloud: Cloud, request: Request) -> Outcome:
    """Start hosts that are stopped and wait until they answer; raises HostsError."""
    hosts, wanted = _choose(cloud, request)
    asleep = [host for host in wanted if host.state == STOPPED]
    outcome = _switched(hosts, asleep, RUNNING)
    outcome.started = [host.name for host in asleep]
    if not request.check and wanted:
        _settled(cloud, request, [host for host in asleep if host.facts["task"]], ("SHUTOFF", "ACTIVE"))
        wake(cloud, asleep)
        _settled(cloud, request, wanted, ("ACTIVE",))
        _answer(cloud, request, outcome, {host.name for host in asleep}, {host.id for host in wanted})
    return outcome


def stopped(cloud: Cloud, request: Request) -> Outcome:
    """Stop hosts that run and wait until they are stopped; raises HostsError."""
    hosts, wanted = _choose(cloud, request)
    running = [host for host in wanted if host.state == RUNNING]
    outcome = _switched(hosts, running, STOPPED)
    outcome.stopped = [host.name for host in running]
    if not request.check and wanted:
        busy = [host for host in running if host.facts["task"] or host.facts["status"] != "ACTIVE"]
        _settled(cloud, request, busy, ("SHUTOFF", "ACTIVE"))
        cloud.each(lambda host: act(cloud, host.cloud_id, "os-stop"), running)
        _settled(cloud, request, running, ("SHUTOFF",))
        outcome.instances = instances(list_hosts(cloud, request.infrastructure))
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
        cloud.each(lambda host: act(cloud, host.cloud_id, "reboot", {"type": "SOFT"}), running)
        _settled(cloud, request, running, ("ACTIVE",))
        _answer(cloud, request, outcome, {host.name for host in running}, {host.id for host in running})
    return outcome


def snapshot(cloud: Cloud, request: Request) -> Outcome:
    """Keep one host as an image, which stays when the infrastructure goes. Raises HostsError."""
    hosts = list_hosts(cloud, request.infrastructure)
    host = choose_one(hosts, request.hosts)
    name = request.snapshot or time.strftime(f"im-{host.name}-%Y%m%d-%H%M%S", time.gmtime())
    if _images(cloud, name):
        raise HostsError(f"There is an image {name} already.", "choose another name.")
    outcome = Outcome(instances=instances(hosts), changed=True, after=[f"image {name}: of {host.name}"])
    outcome.image = f"ost://{cloud.site.host}/image-planned"
    if request.check:
        return outcome
    metadata = {kinds.SOURCE: host.name, USER: str(host.facts["user"])}
    body = {"createImage": {"name": name, "metadata": metadata}}
    ask = partial(cloud.ask, COMPUTE, "POST", f"{SERVERS.path}/{host.cloud_id}/action", body)
    cloud.once(ask, lambda: next(iter(_images(cloud, name)), None))
    outcome.image = f"ost://{cloud.site.host}/{_wait_for_image(cloud, name)}"
    return outcome


def _images(cloud: Cloud, name: str) -> list[Resource]:
    return cloud.listed(IMAGE, "/images", "images", name=name)


def _wait_for_image(cloud: Cloud, name: str) -> str:
    end = time.monotonic() + _IMAGE_SECONDS
    while time.monotonic() < end:
        for item in _images(cloud, name):
            if item["status"] == "active":
                return str(item["id"])
            if item["status"] in ("killed", "deleted", "pending_delete"):
                raise HostsError(f"The image {name} could not be made: it is {item['status']}.", "try again.")
        cloud.sleep(1)
    raise HostsError(f"The image {name} is not ready after {_IMAGE_SECONDS} s.", "wait for it at the site.")


def _choose(cloud: Cloud, request: Request) -> tuple[list[Host], list[Host]]:
    hosts = list_hosts(cloud, request.infrastructure)
    if request.hosts and not hosts:
        raise HostsError(f"{request.infrastructure} has no hosts on {cloud.name}.", "check the name and the project.")
    return hosts, choose_hosts(hosts, request.hosts)


def _switched(hosts: Sequence[Host], moving: Sequence[Host], state: str) -> Outcome:
    after = [replace(host, state=state) if host in moving else host for host in hosts]
    return Outcome(
        instances=instances(hosts),
        changed=bool(moving),
        before=[f"host {host.name} ({host.node}): {host.state}" for host in hosts],
        after=[f"host {host.name} ({host.node}): {host.state}" for host in after],
    )


def _settled(cloud: Cloud, request: Request, hosts: Sequence[Host], wanted: Sequence[str]) -> None:
    ids = [host.cloud_id for host in hosts]
    if ids:
        wait_for_status(cloud, request.infrastructure, ids, wanted, request.timeout)


def _answer(cloud: Cloud, request: Request, outcome: Outcome, new: set[str], numbers: set[int]) -> None:
    hosts = list_hosts(cloud, request.infrastructure)
    wait_for_hosts(request, [host for host in hosts if host.state == RUNNING], new)
    outcome.instances = instances(hosts)
    outcome.warnings += [
        f"Host {host.name} is {host.state}." for host in hosts if host.id in numbers and host.state != RUNNING
    ]

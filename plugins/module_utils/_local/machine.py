# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine allows: limits of processes, inotify, routes, free ports."""

from __future__ import annotations

import ipaddress
import os
import resource
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from .._hosts.model import HostsError

_MOST = {"nofile": 1048576, "nproc": 32768}
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_PER_HOST = 10
_INOTIFY_SPARE = 64
_INOTIFY_GOAL = 8192

IPv4 = ipaddress.IPv4Network


def limit_options() -> list[str]:
    """Return the options that keep an engine from asking for more than this process may give.

    podman lowers its own number of processes to the machine's pid_max, so that is the most it can give.
    """
    result = []
    for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        hard = resource.getrlimit(number)[1]
        most = _MOST[name] if hard == resource.RLIM_INFINITY else min(hard, _MOST[name])
        result += ["--ulimit", f"{name}={most}:{most}"]
    return result


def make_room_for(hosts: int, path: Path = _INOTIFY) -> str:
    """Raise the machine's limit of inotify instances when `hosts` hosts need it; return a warning when it was raised.

    Raises HostsError when it is too low and cannot be raised.
    """
    goal = max(_INOTIFY_GOAL, hosts * _INOTIFY_PER_HOST + _INOTIFY_SPARE)
    try:
        now = int(path.read_text())
    except (OSError, ValueError):
        return ""
    if now >= hosts * _INOTIFY_PER_HOST + _INOTIFY_SPARE:
        return ""
    try:
        path.write_text(str(goal))
    except OSError as error:
        raise HostsError(
            f"This machine has room for {now} inotify instances, too few for {hosts} hosts.",
            f"run: sysctl -w fs.inotify.max_user_instances={goal}",
        ) from error
    return (
        f"fs.inotify.max_user_instances was {now}, too few for {hosts} hosts; it is {goal} until the machine restarts."
    )


def taken_subnets(routes: str | None = None, resolver: str | None = None) -> list[IPv4]:
    """Return the networks that this machine reaches by a route, and the addresses of its name servers.

    `routes` and `resolver` are the texts of /proc/net/route and /etc/resolv.conf.
    """
    routes = _read("/proc/net/route") if routes is None else routes
    resolver = _read("/etc/resolv.conf") if resolver is None else resolver
    found = [_route(line.split()) for line in routes.splitlines()[1:]]
    servers = [line.split()[1] for line in resolver.splitlines() if line.startswith("nameserver ")]
    return [net for net in found if net is not None and net.prefixlen > 0] + [
        IPv4(address) for address in servers if "." in address
    ]


def free_port(protocol: str, address: str, first: int, size: int, taken: Iterable[tuple[str, int]]) -> int | None:
    """Return the first port from `first` on where `size` ports in a row are free on the machine, None without one."""
    known = set(taken)
    port = first
    while port + size <= 65536:
        busy = [number for number in range(port, port + size) if not _is_free(protocol, address, number, known)]
        if not busy:
            return port
        port = busy[-1] + 1
    return None


def cpu_count() -> int:
    """Return how many CPUs this process may use."""
    return len(os.sched_getaffinity(0))


def _is_free(protocol: str, address: str, port: int, taken: set[tuple[str, int]]) -> bool:
    if (protocol, port) in taken:
        return False
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _route(words: list[str]) -> IPv4 | None:
    try:
        address, mask = (socket.inet_ntoa(struct.pack("<L", int(words[place], 16))) for place in (1, 7))
        return IPv4(f"{address}/{mask}", strict=False)
    except (IndexError, ValueError):
        return None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding and ending processes by a mark in their environment.

Every process of a run inherits `CONTINUUM_RUN=<infrastructure>`, whatever sessions and groups Ansible makes. So what
a dead worker left behind can be found by anybody, at any time. Only the standard library: the leash uses it too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

RUN_MARK = "CONTINUUM_RUN"
SERVICE_MARK = "CONTINUUM_SERVICE_HOME"
# They keep containers alive, or change the store of the engine: never killed, the second kind is waited for. A process
# that is about to become the first one of a container is called "runc:[2:INIT]".
_KEEPERS = ("conmon", "aardvark-dns", "pasta", "slirp4netns", "rootlessport", "fuse-overlayfs", "catatonit")
_BUSY = ("podman", "docker", "crun", "runc", "netavark")
_ENGINE_SECONDS = 60.0


@dataclass(frozen=True)
class Process:
    """A process: its number may be given to another one, number and start time together never."""

    pid: int
    started: str
    name: str
    parent: int
    helper: bool = False

    @property
    def engine(self) -> bool:
        """True for parts of a container engine, and for what they have started."""
        return self.helper or self.name.startswith(_KEEPERS + _BUSY)


def look(pid: int) -> Process | None:
    """Return a living process; zombies do not count."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
    if rest[0] in "ZX":
        return None
    return Process(pid, rest[19], name, int(rest[1]))


def marked(name: str, value: str) -> list[Process]:
    """Return the other processes of this user that carry `name=value` in their environment."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                carries = wanted in file.read().split(b"\0")
        except OSError:
            continue
        process = look(int(entry)) if carries else None
        if process is not None:
            found.append(process)
    return with_helpers(found)


def with_helpers(found: list[Process]) -> list[Process]:
    """Say which processes a container engine has started: it runs programs of the system too."""
    known = {item.pid: item for item in found}

    def above(item: Process) -> Iterator[Process]:
        seen = {item.pid}
        while item.parent in known and item.parent not in seen:
            item = known[item.parent]
            seen.add(item.pid)
            yield item

    return [replace(item, helper=any(other.engine for other in above(item))) for item in found]


def signal_process(process: Process, number: int) -> None:
    """Send a signal, unless the process is gone or its number belongs to another one by now."""
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return
    try:
        seen = look(process.pid)
        if seen is not None and seen.started == process.started:
            signal.pidfd_send_signal(handle, number)
    except OSError:
        pass
    finally:
        os.close(handle)


def end_marked(name: str, value: str, grace: float = 0.0, spare: int = 0) -> int:
    """End all processes with a mark and wait until they are gone; return how many had to be told.

    With `grace` they get SIGTERM and that many seconds first. `spare` is the number of a process to leave alone. What a
    container engine is just doing is waited for: killed in the middle it would leave its store in disorder.
    """
    told: set[tuple[int, str]] = set()
    hard_after = time.monotonic() + grace
    give_up = hard_after + _ENGINE_SECONDS
    polite = grace > 0
    while True:
        there = [item for item in marked(name, value) if item.pid != spare and not item.name.startswith(_KEEPERS)]
        ours = [item for item in there if not item.engine]
        if not there or (not ours and time.monotonic() > give_up):
            return len(told)
        hard = time.monotonic() >= hard_after
        for item in ours:
            if hard or (item.pid, item.started) not in told:
                signal_process(item, signal.SIGKILL if hard or not polite else signal.SIGTERM)
            told.add((item.pid, item.started))
        time.sleep(0.05)
        if time.monotonic() > give_up + _ENGINE_SECONDS:
            raise TimeoutError(f"processes with {name}={value} do not end: {[item.pid for item in ours]}")


def identity(host: str) -> str:
    """Return the name of this process as a worker: host, number and start time."""
    own = look(os.getpid())
    return f"{host}/{os.getpid()}/{own.started if own else 0}"


def is_dead(worker: str, host: str) -> bool:
    """True when a worker of this host has ended; false when that cannot be known from here."""
    its_host, _slash, rest = worker.partition("/")
    number, _slash, started = rest.partition("/")
    if its_host != host or not number.isdecimal():
        return False
    process = look(int(number))
    return process is None or process.started != started

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a cloud is asked how its hosts are; waiting until they answer by SSH, directly or through another host."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_WORKERS = 64
_PAUSE = 0.1
_SHORTEST_POLL = 0.8
_LONGEST_POLL = 4.0
_SHARE = 0.1


def next_pause(elapsed: float) -> float:
    """Return how long to wait before the next look at a cloud, in seconds: a share of the time that has passed.

    So a look comes late by at most that share, and a long wait needs few.
    """
    return min(_LONGEST_POLL, max(_SHORTEST_POLL, elapsed * _SHARE))


@dataclass(frozen=True)
class Door:
    """Where a host is knocked at: its address, and the host `jump` through which that is reached, if any.

    `jump_id`: id of the jump host in the cloud, by which its host key is kept beside `key_file`.
    """

    name: str
    address: str
    jump: str = ""
    jump_user: str = ""
    jump_id: str = ""
    key_file: str = ""

    def command(self, port: int, seconds: float) -> list[str]:
        """Return the command whose output is what the host says at a port."""
        options = {
            "IdentityFile": self.key_file,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(Path(self.key_file).parent / "known_hosts"),
            "HostKeyAlias": self.jump_id or self.jump,
            "StrictHostKeyChecking": "accept-new",
            "BatchMode": "yes",
            "ConnectTimeout": str(max(1, round(seconds))),
            "LogLevel": "ERROR",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        return ["ssh", "-F", "none", *words, "-W", f"{self.address}:{port}", f"{self.jump_user}@{self.jump}"]


def wait_for_doors(
    doors: Iterable[Door], timeout: float, heard: Callable[[str], None] | None = None, port: int = 22
) -> list[str]:
    """Wait until an SSH server greets at every door; return the names of hosts that did not in `timeout` seconds.

    Those that are reached directly come first: the others are behind them. `heard` is called with the name of each host
    that answers, from several threads.
    """
    waiting = sorted(doors, key=lambda door: bool(door.jump))
    if not waiting:
        return []
    end = time.monotonic() + timeout

    def wait(door: Door) -> bool:
        answered = _until(lambda seconds: _greets_at(door, port, seconds), end)
        if answered and heard is not None:
            heard(door.name)
        return answered

    direct = [door for door in waiting if not door.jump]
    behind = [door for door in waiting if door.jump]
    answers: list[bool] = []
    for some, workers in ((direct, _WORKERS), (behind, 8)):
        if some:
            with ThreadPoolExecutor(min(workers, len(some))) as pool:
                answers += pool.map(wait, some)
    return [door.name for door, answered in zip([*direct, *behind], answers, strict=True) if not answered]


def wait_for_ssh(
    addresses: Iterable[str], timeout: float, port: int = 22, heard: Callable[[str], None] | None = None
) -> list[str]:
    """Wait until an SSH server greets at every address; return the addresses that did not within `timeout` seconds.

    `heard` is called with each address that answers, from several threads.
    """
    waiting = list(addresses)
    if not waiting:
        return []
    end = time.monotonic() + timeout

    def wait(address: str) -> bool:
        answered = _wait_for_one(address, port, end)
        if answered and heard is not None:
            heard(address)
        return answered

    with ThreadPoolExecutor(min(_WORKERS, len(waiting))) as pool:
        answers = list(pool.map(wait, waiting))
    return [address for address, answered in zip(waiting, answers, strict=True) if not answered]


def _wait_for_one(address: str, port: int, end: float) -> bool:
    return _until(lambda seconds: _greets(address, port, min(3.0, seconds)), end)


def _until(attempt: Callable[[float], bool], end: float) -> bool:
    """Try until it works or the time is over; an attempt is told how many seconds it may take."""
    while True:
        if attempt(max(0.2, min(15.0, end - time.monotonic()))):
            return True
        if time.monotonic() + _PAUSE > end:
            return False
        time.sleep(_PAUSE)


def _greets(address: str, port: int, timeout: float) -> bool:
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _greets_at(door: Door, port: int, seconds: float) -> bool:
    if not door.jump:
        return _greets(door.address, port, min(3.0, seconds))
    process = subprocess.Popen(
        door.command(port, seconds), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        return _first_bytes(process, seconds) == b"SSH-"
    finally:
        process.kill()
        process.communicate()


def _first_bytes(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The first four bytes that a command prints within some seconds."""
    stream = process.stdout
    if stream is None:
        return b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return os.read(stream.fileno(), 4) if selector.select(seconds) else b""

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting until hosts answer by SSH."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

_WORKERS = 64
_PAUSE = 0.1


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
    while True:
        left = end - time.monotonic()
        if _greets(address, port, max(0.2, min(3.0, left))):
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

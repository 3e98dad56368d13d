# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: keeps other runs on this controller away from an infrastructure meanwhile."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .model import HostsError


@contextlib.contextmanager
def alone(file: Path, infrastructure: str, timeout: float) -> Iterator[None]:
    """Hold the lock `file`; raises HostsError when another run holds it for longer than `timeout` seconds.

    A run that was killed may live on for a while in its module: Ansible starts those in sessions of their own.
    """
    with file.open("w", encoding="utf-8") as handle:
        end = time.monotonic() + timeout
        while not _locked(handle):
            if time.monotonic() > end:
                raise HostsError(f"Another run changes {infrastructure}.", "wait for its end, or end it.")
            time.sleep(0.5)
        yield


def _locked(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True

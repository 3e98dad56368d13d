# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Things that take a while: they are due after some time, and when what they wait for is so."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

# Whoever reads or changes moto's memory holds this lock.
LOCK = threading.RLock()


class Clock:
    """What is to be done later. It is done by `settle`, which each call of the API begins with."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, Callable[[], bool], Callable[[], object]]] = []

    def later(self, seconds: float, action: Callable[[], object], ready: Callable[[], bool] = lambda: True) -> None:
        """Do `action` when `seconds` have passed and `ready` says so."""
        with LOCK:
            self._waiting.append((time.monotonic() + seconds, ready, action))

    def settle(self) -> bool:
        """Do all that is due; return whether anything was done."""
        with LOCK:
            now = time.monotonic()
            due = [item for item in self._waiting if item[0] <= now and item[1]()]
            self._waiting = [item for item in self._waiting if item not in due]
            for _when, _ready, action in due:
                action()
            return bool(due)

    def clear(self) -> None:
        """Forget everything."""
        with LOCK:
            self._waiting = []

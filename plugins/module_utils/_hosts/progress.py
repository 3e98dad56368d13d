# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module on the controller tells while it works; the callback continuum.im.progress shows it at once."""

from __future__ import annotations

import os
import threading

# Set by the callback for the time of a run. Without it nobody listens, and nothing is written.
VARIABLE = "CONTINUUM_PROGRESS_LINES"
_MANY = 8


def say(line: str) -> None:
    """Tell one line. A file that cannot be written to is nobody's problem."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(line.replace("\n", " ") + "\n")
    except OSError:
        return


class Counter:
    """Tells how many of `total` things are done: each of a few, every quarter of many. Safe for threads."""

    def __init__(self, total: int, what: str) -> None:
        self._total, self._what = total, what
        self._done = 0
        self._lock = threading.Lock()

    def count(self, name: str) -> None:
        """Note that `name` is done."""
        with self._lock:
            self._done += 1
            done = self._done
        if self._total <= _MANY:
            say(f"{name} {self._what} ({done} of {self._total})")
        elif done % (self._total // 4) == 0 or done == self._total:
            say(f"{done} of {self._total} hosts: {self._what}")

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder with a short name for the sockets of a lab, since paths of Unix sockets must be short."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import IO

_PREFIX = "lab-os-"
_PLACE = Path("/tmp")


class Runtime:
    """The folder; what labs left that were killed is removed before it is made."""

    def __init__(self) -> None:
        for path in _PLACE.glob(f"{_PREFIX}*/lock"):
            _remove_if_left(path)
        self.path, self._lock = _make()

    def remove(self) -> None:
        """Remove it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _make() -> tuple[Path, IO[str]]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_PLACE))
        lock = _take(path / "lock")
        if lock is not None:
            return path, lock


def _take(path: Path) -> IO[str] | None:
    file = path.open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def _remove_if_left(path: Path) -> None:
    try:
        lock = _take(path)
    except OSError:  # another lab was faster
        return
    if lock is not None:
        shutil.rmtree(path.parent, ignore_errors=True)
        lock.close()

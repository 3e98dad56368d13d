# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes are sparse files; an attached one is a loop device of the machine."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

from .shell import ShellError, attempt, run

_GIB = 2**30
_CONTROL = "/dev/loop-control"
_GET_FREE = 0x4C82
_MAJOR = 7
_ATTEMPTS = 50


class Volumes:
    """The volumes of a lab, by id; safe for threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._loops: dict[str, int] = {}
        self._lock = threading.RLock()

    def attach(self, volume: str, size: int, snapshot: str) -> int:
        """Return the number of the loop device of a volume; makes both when they are missing."""
        with self._lock:
            path = self._ensure(volume, size, snapshot)
            if volume not in self._loops:
                self._loops[volume] = _setup(path)
            elif path.stat().st_size < size * _GIB:
                os.truncate(path, size * _GIB)
                attempt("losetup", "-c", f"/dev/loop{self._loops[volume]}")
            return self._loops[volume]

    def detach(self, volume: str) -> None:
        """Free the loop device of a volume that no host has."""
        with self._lock:
            number = self._loops.pop(volume, None)
            if number is not None:
                attempt("losetup", "-d", f"/dev/loop{number}")

    def keep(self, volumes: dict[str, tuple[int, str]], snapshots: dict[str, str], attached: set[str]) -> None:
        """Copy new snapshots; forget volumes and snapshots that are no more, free devices of those not attached."""
        with self._lock:
            for snapshot, volume in snapshots.items():
                source = self._path(volume)
                if source.exists() and not self._path(snapshot).exists():
                    attempt("sync", "-f", str(source))
                    run("cp", "--sparse=always", str(source), f"{self._path(snapshot)}.new")
                    os.replace(f"{self._path(snapshot)}.new", self._path(snapshot))
            for volume in [name for name in self._loops if name not in attached]:
                self.detach(volume)
            for path in self._folder.glob("*.img") if self._folder.exists() else []:
                if path.stem not in volumes and path.stem not in snapshots:
                    path.unlink(missing_ok=True)

    def copy(self, source: str, target: str, size: int) -> None:
        """Make a volume or a snapshot of another one, with what that has now."""
        with self._lock:
            path = self._path(source)
            if not path.exists():
                return
            if source in self._loops:
                attempt("blockdev", "--flushbufs", f"/dev/loop{self._loops[source]}")
            attempt("sync", "-f", str(path))
            new = self._path(f"{target}-new")
            run("cp", "--sparse=always", str(path), str(new))
            os.truncate(new, size * _GIB)
            os.replace(new, self._path(target))

    def remove(self, name: str) -> None:
        """Remove a volume or a snapshot."""
        with self._lock:
            self.detach(name)
            self._path(name).unlink(missing_ok=True)

    def is_copied(self, snapshot: str, volume: str) -> bool:
        """Return whether a snapshot has the data of its volume, as far as there is any."""
        return self._path(snapshot).exists() or not self._path(volume).exists()

    def clear(self) -> None:
        """Remove all."""
        self.keep({}, {}, set())

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.img"

    def _ensure(self, volume: str, size: int, snapshot: str) -> Path:
        path = self._path(volume)
        if path.exists():
            return path
        self._folder.mkdir(parents=True, exist_ok=True)
        if snapshot and self._path(snapshot).exists():
            run("cp", "--sparse=always", str(self._path(snapshot)), str(path))
        with path.open("ab"):
            os.truncate(path, size * _GIB)
        return path


def _setup(path: Path) -> int:
    """Return the number of a new loop device for a file; other labs may be taking devices too."""
    for _attempt in range(_ATTEMPTS):
        with open(_CONTROL, "rb") as control:
            number = int(fcntl.ioctl(control, _GET_FREE))
        node = f"/dev/loop{number}"
        if not os.path.exists(node):
            os.mknod(node, 0o660 | stat.S_IFBLK, os.makedev(_MAJOR, number))
        try:
            run("losetup", node, str(path))
        except ShellError:
            continue
        return number
    raise ShellError("no loop device is free")

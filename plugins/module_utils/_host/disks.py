# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that a cloud attached: a file system where there is nothing at all, a line in /etc/fstab, and mounted.

What is on a disk is never overwritten. A marker file says that a file system is being made, so that a run which was
killed in the middle is made good by the next one.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .files import read, replace

if TYPE_CHECKING:
    from .config import HostConfig

BLANK = 2**20
_NOTHING_FOUND, _FOUND = 2, 0
# How a file system is made, and the package with the program.
MAKERS = {
    "ext2": (["mkfs.ext2", "-q", "-F"], "e2fsprogs"),
    "ext3": (["mkfs.ext3", "-q", "-F"], "e2fsprogs"),
    "ext4": (["mkfs.ext4", "-q", "-F"], "e2fsprogs"),
    "xfs": (["mkfs.xfs", "-q", "-f"], "xfsprogs"),
    "btrfs": (["mkfs.btrfs", "-q", "-f"], "btrfs-progs"),
    "vfat": (["mkfs.vfat"], "dosfstools"),
    "swap": (["mkswap", "-f"], "util-linux"),
}
_MARK = "# Disk of continuum.im: "


def is_block_device(path: str) -> bool:
    """Tell whether the path leads to a block device."""
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        return False


def is_blank(path: str) -> bool:
    """Tell whether the start of a disk has nothing but zeros."""
    with open(path, "rb") as disk:
        return not any(disk.read(BLANK))


@dataclass(frozen=True)
class Machine:
    """Where things are on the host, so that tests need none."""

    etc: str = "/etc"
    proc: str = "/proc"
    state: str = "/var/lib/continuum"
    seconds: float = 60.0
    is_device: Callable[[str], bool] = is_block_device
    blank: Callable[[str], bool] = is_blank


@dataclass(frozen=True)
class Found:
    """What is on a disk; `kind` is "" for a blank one."""

    device: str
    kind: str
    uuid: str


def wanted_packages(disks: list[dict[str, Any]]) -> list[str]:
    """Return the packages with the programs that the disks need and the host lacks. Raises ValueError."""
    names = []
    for disk in disks:
        command, package = _maker(disk)
        if _is_used(disk) and shutil.which(command[0]) is None:
            names.append(package)
    return list(dict.fromkeys(names))


class Disks:
    """Brings the disks of a host into the wanted state."""

    def __init__(self, host: HostConfig, machine: Machine | None = None) -> None:
        self._host = host
        self._machine = machine or Machine()
        self._fstab = os.path.join(self._machine.etc, "fstab")

    def apply(self, disks: list[dict[str, Any]]) -> None:
        """Format, write down and mount; what was mounted by an earlier call and is no longer wanted is let go."""
        used = [disk for disk in disks if _is_used(disk)]
        # A disk below another one comes after it.
        used.sort(key=lambda disk: (disk["fs_type"] != "swap", _mount(disk).count("/"), _mount(disk)))
        ready = [(disk, self._prepare(disk)) for disk in used]
        entries = [_entry(disk, found) for disk, found in ready]
        gone = self._write_fstab(entries)
        for place in sorted(gone, key=lambda path: path.count("/"), reverse=True):
            self._let_go(place)
        for disk, found in ready:
            self._use(disk, found)

    def _prepare(self, disk: dict[str, Any]) -> Found:
        """Return the disk with a file system on it (in check mode: with the one that it would get)."""
        device = self._device(disk)
        if device is None:
            return Found("", disk["fs_type"], "new")
        found = self._look(disk["name"], device)
        if found.kind and not self._is_half_made(disk["name"]):
            if (found.kind == "swap") != (disk["fs_type"] == "swap"):
                raise ValueError(
                    f"Disk {disk['name']} ({device}) has {found.kind} on it, and {disk['fs_type']} is wanted; "
                    "it is left as it is"
                )
            return found
        self._host.note(f"disk {disk['name']} ({device})", "blank\n", f"{disk['fs_type']}\n")
        if self._host.check:
            return Found(device, disk["fs_type"], "new")
        os.makedirs(self._machine.state, 0o755, exist_ok=True)
        if self._is_mounted(self._aside(disk)):  # A run was killed while it copied.
            self._host.command("umount", self._aside(disk))
        marker = self._marker(disk["name"])
        replace(marker, f"{device}\n".encode(), 0o600)
        self._host.command(*_maker(disk)[0], device)
        self._carry_over(disk, device)
        os.unlink(marker)
        return self._look(disk["name"], device)

    def _device(self, disk: dict[str, Any]) -> str | None:
        """Wait for the device. None in check mode: a plan does not wait."""
        deadline = time.monotonic() + self._machine.seconds
        while True:
            for path in disk["paths"]:
                if self._machine.is_device(path):
                    return str(path)
            if self._host.check:
                return None
            if time.monotonic() > deadline:
                raise ValueError(
                    f"Disk {disk['name']} does not appear: none of {', '.join(disk['paths'])} is there after "
                    f"{self._machine.seconds:g} s"
                )
            time.sleep(0.5)

    def _look(self, name: str, device: str) -> Found:
        """Ask what is on a disk. Raises ValueError for what may be data."""
        code, output, error = self._host.run(["blkid", "-p", "-o", "export", device])
        known = dict(line.partition("=")[::2] for line in output.splitlines())
        if code == _FOUND and known.get("TYPE") and known.get("UUID"):
            return Found(device, known["TYPE"], known["UUID"])
        if self._is_half_made(name) or (code == _NOTHING_FOUND and not known and self._machine.blank(device)):
            return Found(device, "", "")
        what = "a partition table" if known.get("PTTYPE") else "something else"
        why = f" ({' '.join(error.split())})" if error.strip() else ""
        raise ValueError(f"Disk {name} ({device}) has no file system but {what}{why}; it is left as it is")

    def _is_half_made(self, name: str) -> bool:
        return os.path.exists(self._marker(name))

    def _marker(self, name: str) -> str:
        return os.path.join(self._machine.state, f"formatting-{_word(name)}")

    def _carry_over(self, disk: dict[str, Any], device: str) -> None:
        """What is in the folder already goes to the new disk: a disk at /home must not hide the homes."""
        place = _mount(disk)
        if disk["fs_type"] == "swap" or not os.path.isdir(place) or not os.listdir(place) or self._is_mounted(place):
            return
        aside = self._aside(disk)
        os.makedirs(aside, 0o700, exist_ok=True)
        self._host.command("mount", device, aside)
        try:
            self._host.command("cp", "-a", "--one-file-system", f"{place}/.", aside)
        finally:
            self._host.command("umount", aside)
        os.rmdir(aside)

    def _aside(self, disk: dict[str, Any]) -> str:
        return os.path.join(self._machine.state, f"disk-{_word(disk['name'])}")

    def _write_fstab(self, entries: list[str]) -> list[str]:
        """Write the lines of our disks, keep all others; return the places of lines that are gone."""
        before = (read(self._fstab) or b"").decode(errors="surrogateescape")
        kept, ours = _split(before)
        lines = kept.rstrip("\n") + "\n" if kept.strip() else kept
        after = lines + "".join(entries)
        if before != after and (entries or ours):
            self._host.note(self._fstab, before, after)
            self._host.changed_files.append(self._fstab)
            if not self._host.check:
                replace(self._fstab, after.encode(errors="surrogateescape"), 0o644)
                self._host.run(["systemctl", "daemon-reload"])
        places = [line.split()[1] for entry in entries for line in entry.splitlines()[1:]]
        return [place for line in ours for place in line.split()[1:2] if place not in ("none", *places)]

    def _let_go(self, place: str) -> None:
        path = _unescaped(place)
        if not self._is_mounted(path):
            return
        self._host.note(f"mount at {path}", "mounted\n", "")
        if self._host.check:
            return
        code, output, error = self._host.run(["umount", path])
        if code:
            self._host.warnings.append(f"{path} stays mounted until the host restarts: {(error or output).strip()}.")

    def _use(self, disk: dict[str, Any], found: Found) -> None:
        """Mount a disk, or swap on it."""
        if disk["fs_type"] == "swap":
            if found.device and self._is_swap(found.device):
                return
            self._host.note(f"swap on {disk['name']}", "", "used\n")
            if not self._host.check:
                self._host.command("swapon", found.device)
            return
        place = _mount(disk)
        if self._is_mounted(place):
            return
        self._host.note(f"mount at {place}", "", f"{disk['name']}\n")
        if not self._host.check:
            os.makedirs(place, 0o755, exist_ok=True)
            self._host.command("mount", "-t", found.kind, found.device, place)

    def _is_mounted(self, place: str) -> bool:
        text = (read(os.path.join(self._machine.proc, "self", "mountinfo")) or b"").decode(errors="replace")
        return any(_unescaped(line.split()[4]) == place for line in text.splitlines() if len(line.split()) > 4)

    def _is_swap(self, device: str) -> bool:
        text = (read(os.path.join(self._machine.proc, "swaps")) or b"").decode(errors="replace")
        names = {os.path.realpath(_unescaped(line.split()[0])) for line in text.splitlines()[1:] if line.strip()}
        return os.path.realpath(device) in names


def _is_used(disk: dict[str, Any]) -> bool:
    """A disk without a place is a device for the user."""
    return disk["fs_type"] == "swap" or bool(disk["mount"])


def _maker(disk: dict[str, Any]) -> tuple[list[str], str]:
    try:
        return MAKERS[disk["fs_type"]]
    except KeyError:
        names = ", ".join(sorted(MAKERS))
        raise ValueError(f"Disk {disk['name']} wants the file system {disk['fs_type']}; known are {names}") from None


def _mount(disk: dict[str, Any]) -> str:
    return str(os.path.normpath("/" + disk["mount"].strip("/")))


def _word(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:64]


def _entry(disk: dict[str, Any], found: Found) -> str:
    """Return the two lines of a disk in fstab. A host boots without a disk that is not there."""
    if disk["fs_type"] == "swap":
        line = f"UUID={found.uuid} none swap sw,nofail 0 0"
    else:
        line = f"UUID={found.uuid} {_escaped(_mount(disk))} {found.kind} defaults,nofail 0 2"
    return f"{_MARK}{_word(disk['name'])}\n{line}\n"


def _split(text: str) -> tuple[str, list[str]]:
    """Return fstab without our lines, and our lines."""
    kept: list[str] = []
    ours: list[str] = []
    marked = False
    for line in text.splitlines(keepends=True):
        if line.startswith(_MARK):
            marked = True
            continue
        (ours if marked and line.startswith("UUID=") else kept).append(line)
        marked = False
    return "".join(kept), ours


def _escaped(path: str) -> str:
    return "".join(f"\\{ord(character):03o}" if character in " \t\n\\#" else character for character in path)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), text)

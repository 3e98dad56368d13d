# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of a lab on the machine: a number that no other lab has, and the removal of what bears it."""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
from pathlib import Path
from typing import IO

from .shell import attempt

PUBLIC = ipaddress.IPv4Network("198.18.0.0/15")
PREFIX = 20
_FOLDER = Path("/run/continuum-lab-aws")
_LABEL = "continuum-lab-aws"


class NoPlaceError(Exception):
    """All places are taken."""


class Place:
    """A number, and all names and addresses that follow from it. Held until `leave` or the end of the process."""

    def __init__(self, number: int, lock: IO[str]) -> None:
        self.number, self._lock = number, lock
        self.name = f"cimaws{number}"
        self.label = f"{_LABEL}={number}"
        self.network = list(PUBLIC.subnets(new_prefix=PREFIX))[number]
        self.machine = str(self.network[1])
        self.image_repository = f"localhost/{self.name}"

    @classmethod
    def take(cls, state: Path) -> Place:
        """Take a free place, after removing what labs left that were killed; raises NoPlaceError."""
        _FOLDER.mkdir(parents=True, exist_ok=True)
        for path in _FOLDER.glob("*.lock"):
            found = _lock(int(path.stem))
            if found is not None:
                found.leave()
        for number in range(2 ** (PREFIX - PUBLIC.prefixlen)):
            place = _lock(number)
            if place is not None:
                place._lock.write(str(state))
                place._lock.flush()
                return place
        raise NoPlaceError("all places for labs are taken on this machine")

    def namespace(self, name: str) -> str:
        """Return the name of a network namespace."""
        return f"{self.name}-{name}"

    def uplink(self, number: int) -> str:
        """Return the name of the machine's end of the line to a VPC."""
        return f"ca{self.number}u{number}"

    def line(self, number: int) -> tuple[str, str]:
        """Return the addresses of the line to a VPC: the machine's and the VPC's."""
        return str(self.network[4 * number + 1]), str(self.network[4 * number + 2])

    def clean(self) -> None:
        """Remove all containers, namespaces, devices and rules of this place."""
        self._remove_containers()
        for line in attempt("ip", "netns", "list").splitlines():
            name = line.split()[0] if line.split() else ""
            if name.startswith(f"{self.name}-"):
                attempt("ip", "netns", "del", name)
        for link in json.loads(attempt("ip", "-json", "link") or "[]"):
            if str(link.get("ifname", "")).startswith(f"ca{self.number}u"):
                attempt("ip", "link", "del", link["ifname"])
        attempt("nft", "delete", "table", "ip", self.name)
        attempt("ip", "route", "del", "unreachable", str(self.network))
        attempt("ip", "addr", "del", f"{self.machine}/32", "dev", "lo")
        self._remove_loops()

    def leave(self) -> None:
        """Clean and let another lab have the place."""
        self.clean()
        (_FOLDER / f"{self.number}.lock").unlink(missing_ok=True)
        self._lock.close()

    def _remove_containers(self) -> None:
        found = attempt("podman", "ps", "-aq", "--filter", f"label={self.label}").split()
        if found:
            attempt("podman", "rm", "-f", "-t", "0", *found)
        images = attempt("podman", "images", "--format", "{{.Repository}}:{{.Tag}}").split()
        mine = [image for image in images if image.startswith(f"{self.image_repository}:")]
        if mine:
            attempt("podman", "rmi", "-f", *mine)

    def _remove_loops(self) -> None:
        self._lock.seek(0)
        state = self._lock.read().strip()
        listed = json.loads(attempt("losetup", "--list", "--json") or '{"loopdevices": []}')
        for device in listed["loopdevices"]:
            if state and str(device.get("back-file") or "").startswith(f"{state}/"):
                attempt("losetup", "-d", device["name"])


def _lock(number: int) -> Place | None:
    path = _FOLDER / f"{number}.lock"
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
        file.close()
        return _lock(number)
    return Place(number, file)

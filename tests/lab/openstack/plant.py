# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nova's and cinder's drivers ask of the lab, and the answer of a lab without hosts."""

from __future__ import annotations

from typing import Any, Protocol


class Plant(Protocol):
    """Runs the hosts and keeps the bytes of the volumes."""

    def create(self, description: dict[str, Any]) -> None:
        """Make a host; raises what went wrong."""

    def remove(self, host_id: str) -> None:
        """Remove a host, if it is there."""

    def stop(self, host_id: str) -> None:
        """Shut a host down, if it runs."""

    def start(self, host_id: str) -> None:
        """Start a host that was shut down."""

    def state(self, host_id: str) -> str:
        """Return up, down or "" for not known."""

    def console(self, host_id: str) -> str:
        """Return what a host wrote when it booted."""

    def commit(self, host_id: str, image: str) -> None:
        """Make an image of a host."""

    def attach(self, host_id: str, volume: str, device: str) -> None:
        """Give a host the device of a volume."""

    def detach(self, host_id: str, volume: str) -> None:
        """Take the device of a volume away."""

    def plug(self, host_id: str, port: str) -> None:
        """Give a host one more interface."""

    def unplug(self, host_id: str, port: str) -> None:
        """Take an interface away."""

    def copy_volume(self, source: str, target: str, size: int) -> None:
        """Copy what a volume or a snapshot has."""

    def remove_volume(self, name: str) -> None:
        """Remove the bytes of a volume or a snapshot."""

    def extend_volume(self, name: str, size: int) -> None:
        """Make a volume larger."""

    def wake(self) -> None:
        """Look again at networks, groups and addresses."""

    def clear(self) -> None:
        """Remove all that is left."""


class NoPlant:
    """A lab without hosts: nothing is to be done."""

    def create(self, description: dict[str, Any]) -> None:
        return

    def remove(self, host_id: str) -> None:
        return

    def stop(self, host_id: str) -> None:
        return

    def start(self, host_id: str) -> None:
        return

    def state(self, host_id: str) -> str:
        return ""

    def console(self, host_id: str) -> str:
        return ""

    def commit(self, host_id: str, image: str) -> None:
        return

    def attach(self, host_id: str, volume: str, device: str) -> None:
        return

    def detach(self, host_id: str, volume: str) -> None:
        return

    def plug(self, host_id: str, port: str) -> None:
        return

    def unplug(self, host_id: str, port: str) -> None:
        return

    def copy_volume(self, source: str, target: str, size: int) -> None:
        return

    def remove_volume(self, name: str) -> None:
        return

    def extend_volume(self, name: str, size: int) -> None:
        return

    def wake(self) -> None:
        return

    def clear(self) -> None:
        return

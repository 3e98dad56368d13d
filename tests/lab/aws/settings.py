# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests may change, and what the hosts tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Gate(Protocol):
    """What the hosts say: whether what the API promises is so on this machine."""

    def is_up(self, instance_id: str) -> bool:
        """Return whether the host runs, or cannot."""

    def is_down(self, instance_id: str) -> bool:
        """Return whether the host does not run."""

    def is_gone(self, instance_id: str) -> bool:
        """Return whether nothing of the host is left."""

    def is_attached(self, volume_id: str) -> bool:
        """Return whether the device is in its host."""

    def is_copied(self, snapshot_id: str, volume_id: str) -> bool:
        """Return whether a snapshot has the data of its volume."""

    def has_image(self, image_id: str) -> bool:
        """Return whether hosts can be made from an image."""


class NoHosts:
    """A lab without hosts: everything is as the API says."""

    def is_up(self, instance_id: str) -> bool:
        return True

    def is_down(self, instance_id: str) -> bool:
        return True

    def is_gone(self, instance_id: str) -> bool:
        return True

    def is_attached(self, volume_id: str) -> bool:
        return True

    def is_copied(self, snapshot_id: str, volume_id: str) -> bool:
        return True

    def has_image(self, image_id: str) -> bool:
        return True


@dataclass
class Settings:
    """What tests may change: how long states take, whether hosts come up at all, and how much later than `running`.

    `access_key` is the only one that EC2 knows; "" lets in everybody.
    """

    pending_seconds: float = 1.0
    boot: bool = True
    boot_seconds: float = 0.0
    access_key: str = ""

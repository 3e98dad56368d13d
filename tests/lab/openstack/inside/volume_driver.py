# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cinder's driver: the bytes of volumes are the lab's business."""

from __future__ import annotations

from typing import Any

from cinder.volume import driver

from . import control


class LabDriver(driver.VolumeDriver):
    """Lets the lab make, copy, grow and remove the files of volumes and snapshots."""

    VERSION = "1.0"

    def check_for_setup_error(self) -> None:
        """Nothing can be wrong."""

    def get_volume_stats(self, refresh: bool = False) -> dict[str, Any]:
        """Tell that there is room for everything."""
        room = {"total_capacity_gb": "infinite", "free_capacity_gb": "infinite", "reserved_percentage": 0}
        names = {"volume_backend_name": "lab", "vendor_name": "lab", "driver_version": "1.0", "storage_protocol": "lab"}
        return {**room, **names, "thin_provisioning_support": False, "multiattach": False}

    def create_volume(self, volume: Any) -> None:
        """Make one: its file comes when it is attached."""

    def create_volume_from_snapshot(self, volume: Any, snapshot: Any) -> None:
        """Make one of a snapshot."""
        control.ask("volumes/copy", source=snapshot.id, target=volume.id, size=volume.size)

    def create_cloned_volume(self, volume: Any, src_vref: Any) -> None:
        """Make one of another one."""
        control.ask("volumes/copy", source=src_vref.id, target=volume.id, size=volume.size)

    def clone_image(self, *_arguments: Any) -> tuple[dict[str, Any], bool]:
        """Make one of an image: a host boots from its container, so that there is nothing to copy."""
        return {}, True

    def delete_volume(self, volume: Any) -> None:
        """Remove one."""
        control.ask("volumes/remove", name=volume.id)

    def extend_volume(self, volume: Any, new_size: int) -> None:
        """Make one larger."""
        control.ask("volumes/extend", name=volume.id, size=new_size)

    def create_snapshot(self, snapshot: Any) -> None:
        """Copy what a volume has now."""
        control.ask("volumes/copy", source=snapshot.volume_id, target=snapshot.id, size=snapshot.volume_size)

    def delete_snapshot(self, snapshot: Any) -> None:
        """Remove a snapshot."""
        control.ask("volumes/remove", name=snapshot.id)

    def initialize_connection(self, volume: Any, _connector: Any, **_options: Any) -> dict[str, Any]:
        """Tell nova how to reach one: by its id."""
        return {"driver_volume_type": "lab", "data": {"volume_id": volume.id, "access_mode": "rw"}}

    def terminate_connection(self, volume: Any, _connector: Any, **_options: Any) -> None:
        """Nothing is kept."""

    def ensure_export(self, _context: Any, volume: Any) -> None:
        """Nothing is kept."""

    def create_export(self, _context: Any, volume: Any, _connector: Any) -> None:
        """Nothing is kept."""

    def remove_export(self, _context: Any, volume: Any) -> None:
        """Nothing is kept."""

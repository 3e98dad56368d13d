# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's driver: lets the lab make hosts of servers.

Nova loads this file as a module of its own package nova.virt, therefore nothing here is imported relatively.
"""

from __future__ import annotations

import io
from typing import Any

from nova import context as nova_context
from nova import exception, objects
from nova.compute import power_state, task_states
from nova.image import glance
from nova.virt import fake, hardware

from lab.openstack.inside import control

_ROOT = "/dev/vda"
_LETTERS = "bcdefghijklmnopqrstuvwxyz"
_STATES = {"up": power_state.RUNNING, "down": power_state.SHUTDOWN}


class LabDriver(fake.FakeDriverWithoutFakeNodes):
    """Passes on what concerns hosts; nova's own driver for tests does the bookkeeping."""

    capabilities = {  # noqa: RUF012 - nova wants a mapping of the class
        **fake.FakeDriver.capabilities,
        "supports_migrate_to_same_host": True,
    }

    def init_host(self, host: str) -> None:
        """Know the servers that were there before."""
        super().init_host(host)
        for item in objects.InstanceList.get_by_host(nova_context.get_admin_context(), host):
            self.instances[item.uuid] = fake.FakeInstance(item.name, item.power_state, item.uuid)

    def spawn(self, context: Any, instance: Any, image_meta: Any, *arguments: Any, **options: Any) -> None:
        """Make a host of a server."""
        super().spawn(context, instance, image_meta, *arguments, **options)
        try:
            control.ask("hosts/create", **_host(instance, image_meta, options))
        except RuntimeError as error:
            self.instances.pop(instance.uuid, None)
            raise exception.InstanceDeployFailure(reason=str(error)) from error

    def destroy(self, context: Any, instance: Any, *arguments: Any, **options: Any) -> None:
        """Remove a host; of a resize that is undone the host stays, it is the same one."""
        if instance.task_state == task_states.RESIZE_REVERTING:
            control.ask("hosts/stop", id=instance.uuid)
        else:
            control.ask("hosts/remove", id=instance.uuid)
        super().destroy(context, instance, *arguments, **options)

    def power_off(self, instance: Any, timeout: int = 0, retry_interval: int = 0) -> None:
        """Shut a host down."""
        control.ask("hosts/stop", id=instance.uuid)
        super().power_off(instance, timeout, retry_interval)

    def power_on(self, context: Any, instance: Any, network_info: Any, *arguments: Any, **options: Any) -> None:
        """Start a host."""
        control.ask("hosts/start", id=instance.uuid)
        super().power_on(context, instance, network_info, *arguments, **options)

    def reboot(self, _context: Any, instance: Any, *_arguments: Any, **_options: Any) -> None:
        """Shut a host down and start it."""
        control.ask("hosts/stop", id=instance.uuid)
        control.ask("hosts/start", id=instance.uuid)
        self.instances[instance.uuid].state = power_state.RUNNING

    def migrate_disk_and_power_off(self, _context: Any, instance: Any, *_arguments: Any, **_options: Any) -> str:
        """Begin to change the flavor: the host is down meanwhile."""
        control.ask("hosts/stop", id=instance.uuid)
        return ""

    def finish_migration(self, _context: Any, _migration: Any, instance: Any, *_arguments: Any, **options: Any) -> None:
        """End the change of the flavor."""
        self._continue(instance, bool(options.get("power_on", True)))

    def finish_revert_migration(self, _context: Any, instance: Any, *_arguments: Any, **options: Any) -> None:
        """Undo the change of the flavor."""
        self._continue(instance, bool(options.get("power_on", True)))

    def confirm_migration(self, *_arguments: Any, **_options: Any) -> None:
        """Nothing of the former flavor is left."""

    def _continue(self, instance: Any, power_on: bool) -> None:
        state = power_state.RUNNING if power_on else power_state.SHUTDOWN
        self.instances[instance.uuid] = fake.FakeInstance(instance.name, state, instance.uuid)
        if power_on:
            control.ask("hosts/start", id=instance.uuid)

    def snapshot(self, context: Any, instance: Any, image_id: str, update_task_state: Any) -> None:
        """Make an image of a host: its bytes stay with the lab, glance gets a stand-in."""
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        control.ask("hosts/commit", id=instance.uuid, image=image_id)
        expected = task_states.IMAGE_PENDING_UPLOAD
        update_task_state(task_state=task_states.IMAGE_UPLOADING, expected_state=expected)
        metadata = {"status": "active", "disk_format": "raw", "container_format": "bare"}
        service = glance.get_default_image_service()
        kept = service.show(context, image_id).get("properties", {})
        service.update(context, image_id, {**metadata, "properties": kept}, io.BytesIO(b"lab"), purge_props=False)

    def attach_volume(
        self, context: Any, connection_info: Any, instance: Any, mountpoint: str, *arguments: Any, **options: Any
    ) -> None:
        """Give a host the device of a volume."""
        super().attach_volume(context, connection_info, instance, mountpoint, *arguments, **options)
        control.ask("hosts/attach", id=instance.uuid, volume=_volume(connection_info), device=mountpoint)

    def detach_volume(self, context: Any, connection_info: Any, instance: Any, *arguments: Any, **options: Any) -> None:
        """Take the device of a volume away."""
        super().detach_volume(context, connection_info, instance, *arguments, **options)
        control.ask("hosts/detach", id=instance.uuid, volume=_volume(connection_info))

    def extend_volume(self, _context: Any, connection_info: Any, instance: Any, _requested_size: int) -> None:
        """Let a host see the new size: cinder did it, the device is of the same file."""

    def get_volume_connector(self, instance: Any) -> dict[str, Any]:
        """Return who connects."""
        return {"ip": "127.0.0.1", "initiator": "lab", "host": instance.host}

    def default_root_device_name(self, *_arguments: Any) -> str:
        """Return the name of the first disk."""
        return _ROOT

    def get_device_name_for_instance(self, instance: Any, bdms: Any, _block_device: Any) -> str:
        """Return the next free name of a disk."""
        return _free({str(item.device_name) for item in bdms} | {str(instance.root_device_name or _ROOT)})

    def default_device_names_for_instance(self, _instance: Any, root_device_name: str, *lists: Any) -> None:
        """Give names to the disks of a new server, in their order."""
        used = {root_device_name}
        for disk in [item for devices in lists for item in devices or []]:
            if disk.boot_index == 0:
                name = root_device_name
            else:
                name = disk.device_name if disk.device_name and disk.device_name not in used else _free(used)
            used.add(name)
            if disk.device_name != name:
                disk.device_name = name
                disk.save()

    def attach_interface(self, context: Any, instance: Any, image_meta: Any, vif: Any) -> None:
        """Give a running host one more interface."""
        super().attach_interface(context, instance, image_meta, vif)
        control.ask("hosts/plug", id=instance.uuid, port=vif["id"])

    def detach_interface(self, context: Any, instance: Any, vif: Any) -> None:
        """Take an interface away."""
        super().detach_interface(context, instance, vif)
        control.ask("hosts/unplug", id=instance.uuid, port=vif["id"])

    def get_info(self, instance: Any, use_cache: bool = True) -> Any:
        """Return whether a host runs: it may have shut itself down."""
        if instance.uuid not in self.instances:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        state = control.ask("hosts/state", id=instance.uuid)
        if state in _STATES:
            self.instances[instance.uuid].state = _STATES[state]
        return hardware.InstanceInfo(state=self.instances[instance.uuid].state)

    def get_console_output(self, _context: Any, instance: Any) -> bytes:
        """Return what a host wrote when it booted."""
        return str(control.ask("hosts/console", id=instance.uuid)).encode()


def _host(instance: Any, image_meta: Any, options: dict[str, Any]) -> dict[str, Any]:
    disks = (options.get("block_device_info") or {}).get("block_device_mapping") or []
    properties = image_meta.properties
    return {
        "id": instance.uuid,
        "name": instance.hostname,
        "image": image_meta.id if image_meta.obj_attr_is_set("id") and image_meta.id else "",
        "user": properties.get("os_admin_user", "") or "",
        "distribution": properties.get("os_distro", "") or "",
        "key": instance.key_data or "",
        "user_data": instance.user_data or "",
        "ports": [vif["id"] for vif in options.get("network_info") or []],
        "disks": [
            {"volume": _volume(disk["connection_info"]), "device": disk["mount_device"]}
            for disk in disks
            if disk.get("boot_index") != 0
        ],
    }


def _free(used: set[str]) -> str:
    return next(name for name in (f"/dev/vd{letter}" for letter in _LETTERS) if name not in used)


def _volume(connection_info: Any) -> str:
    return str(connection_info["data"]["volume_id"])

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 refuses about volumes, snapshots, images and keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import account
from .answers import Refused
from .calls import Call
from .strict_instances import check_volume

_DEVICE = re.compile(r"/dev/(sd[a-z]|xvd[a-z]{1,2})\d*|(sd[a-z]|xvd[a-z]{1,2})\d*")
_IMAGE_NAME = re.compile(r"[a-zA-Z0-9()\[\] ./\-'@_]{3,128}")


def _create_volume(call: Call, backend: Any) -> None:
    zones = {zone.name for zone in backend.describe_availability_zones()}
    zone = call.get("AvailabilityZone")
    if zone not in zones:
        raise Refused("InvalidZone.NotFound", f"The zone '{zone}' does not exist.")
    check_volume(call.get("VolumeType") or "gp2", call.get("Size"), call.get("Iops"))
    snapshot = backend.snapshots.get(call.get("SnapshotId"))
    if call.get("SnapshotId") and snapshot is None:
        raise Refused("InvalidSnapshot.NotFound", f"The snapshot '{call.get('SnapshotId')}' does not exist.")
    if snapshot is not None and snapshot.status != "completed":
        raise Refused("IncorrectState", f"Snapshot is in invalid state - {snapshot.status}")
    if snapshot is not None and call.get("Size") and int(call.get("Size")) < snapshot.volume.size:
        raise Refused(
            "InvalidParameterValue", f"The size must be at least that of the snapshot, {snapshot.volume.size} GiB"
        )
    if snapshot is None and not call.get("Size"):
        raise Refused("MissingParameter", "The request must contain the parameter size/snapshot")


def _volume(call: Call, backend: Any) -> Any:
    name = call.get("VolumeId")
    if name not in backend.volumes:
        raise Refused("InvalidVolume.NotFound", f"The volume '{name}' does not exist.")
    return backend.volumes[name]


def _attach(call: Call, backend: Any) -> None:
    volume, name, device = _volume(call, backend), call.get("InstanceId"), call.get("Device")
    instance = account.instances(backend).get(name)
    if instance is None:
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
    if instance.state not in ("running", "stopped"):
        raise Refused("IncorrectState", f"Instance '{name}' is not 'running'.")
    if volume.zone.name != instance.placement.zone:
        text = f"The volume '{volume.id}' is not in the same availability zone as instance '{name}'"
        raise Refused("InvalidVolume.ZoneMismatch", text)
    if volume.attachment:
        raise Refused("VolumeInUse", f"{volume.id} is already attached to an instance")
    if volume.status != "available":
        raise Refused("IncorrectState", f"{volume.id} is not 'available'.")
    if not _DEVICE.fullmatch(device):
        text = f"Value ({device}) for parameter device is invalid. {device} is not a valid EBS device name."
        raise Refused("InvalidParameterValue", text)
    if device in instance.block_device_mapping:
        text = f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use"
        raise Refused("InvalidParameterValue", text)


def _detach(call: Call, backend: Any) -> None:
    volume = _volume(call, backend)
    if not volume.attachment:
        raise Refused("IncorrectState", f"Volume '{volume.id}' is in the 'available' state.")
    instance = volume.attachment.instance
    if volume.attachment.device == instance.root_device_name and instance.state == "running":
        raise Refused("OperationNotPermitted", f"'{volume.id}' is the root volume of a running instance.")
    if call.get("InstanceId") and call.get("InstanceId") != instance.id:
        raise Refused(
            "InvalidAttachment.NotFound", f"Volume '{volume.id}' is not attached to '{call.get('InstanceId')}'"
        )
    call.form["InstanceId"], call.form["Device"] = instance.id, volume.attachment.device


def _delete(call: Call, backend: Any) -> None:
    volume = _volume(call, backend)
    if volume.attachment:
        raise Refused("VolumeInUse", f"Volume {volume.id} is currently attached to {volume.attachment.instance.id}")


def _modify(call: Call, backend: Any) -> None:
    volume, size = _volume(call, backend), call.get("Size")
    check_volume(call.get("VolumeType") or volume.volume_type, size, call.get("Iops"))
    if size and int(size) < volume.size:
        raise Refused("InvalidParameterValue", f"New size cannot be smaller than existing size {volume.size}")


def _create_image(call: Call, backend: Any) -> None:
    name = call.get("InstanceId")
    instance = account.instances(backend).get(name)
    if instance is None:
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
    if instance.state not in ("running", "stopped", "stopping"):
        raise Refused("IncorrectState", f"Instance '{name}' is not in a state from which an image can be made.")
    if not _IMAGE_NAME.fullmatch(call.get("Name")):
        text = "AMI names must be between 3 and 128 characters long, of letters, numbers and some signs"
        raise Refused("InvalidAMIName.Malformed", text)
    for item in backend.amis.values():
        if item.name == call.get("Name") and item.owner_id == account.ACCOUNT:
            raise Refused("InvalidAMIName.Duplicate", f"AMI name {item.name} is already in use by AMI {item.id}")


def _deregister(call: Call, backend: Any) -> None:
    image = backend.amis.get(call.get("ImageId"))
    if image is None:
        raise Refused("InvalidAMIID.NotFound", f"The image id '[{call.get('ImageId')}]' does not exist")
    if image.owner_id != account.ACCOUNT:
        raise Refused("AuthFailure", f"Not authorized for image:{image.id}", 403)


def _own_snapshots(call: Call, _backend: Any) -> None:
    owners = [account.ACCOUNT if item == "self" else item for item in call.many("Owner")]
    if owners:
        number = len(call.groups("Filter")) + 1
        call.form[f"Filter.{number}.Name"] = "owner-id"
        for place, owner in enumerate(owners, 1):
            call.form[f"Filter.{number}.Value.{place}"] = owner


def _delete_snapshot(call: Call, backend: Any) -> None:
    name = call.get("SnapshotId")
    snapshot = backend.snapshots.get(name)
    if snapshot is None:
        raise Refused("InvalidSnapshot.NotFound", f"The snapshot '{name}' does not exist.")
    if snapshot.from_ami and snapshot.from_ami not in backend.amis:
        snapshot.from_ami = None  # moto forgets that the image was deregistered.


def _delete_key(call: Call, backend: Any) -> None:
    if call.get("KeyPairId") and not call.get("KeyName"):
        names = [item.key_name for item in backend.key_pairs.values() if item.id == call.get("KeyPairId")]
        call.form["KeyName"] = names[0] if names else ""
    if call.get("KeyName") in backend.key_pairs:
        backend.tags.pop(backend.key_pairs[call.get("KeyName")].id, None)


CHECKS: dict[str, Callable[[Call, Any], None]] = {
    "CreateVolume": _create_volume,
    "AttachVolume": _attach,
    "DetachVolume": _detach,
    "DeleteVolume": _delete,
    "ModifyVolume": _modify,
    "CreateImage": _create_image,
    "DeregisterImage": _deregister,
    "DescribeSnapshots": _own_snapshots,
    "DeleteSnapshot": _delete_snapshot,
    "DeleteKeyPair": _delete_key,
}
AFTER: dict[str, Callable[[Call, Any], None]] = {}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 refuses about instances."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Any

from . import account, addresses
from .answers import Refused
from .calls import Call

MOST_USER_DATA = 16384
_DEVICE = re.compile(r"/dev/(sd[a-z]([1-9]|1[0-5])?|xvd[a-z]{1,2}|nvme\d+n\d+)")
_TAGGABLE = ("instance", "volume", "network-interface", "spot-instances-request", "elastic-gpu")


def run_instances(call: Call, backend: Any) -> None:
    """Check RunInstances, and fill in what follows from the subnet and the image."""
    _counts(call)
    image = _image(call, backend)
    kind = _type(call.get("InstanceType"), image) if call.get("InstanceType") else None
    subnet = _subnet(call, backend)
    _groups(call, backend, subnet)
    _interfaces(call, backend)
    _private_address(call, backend, subnet)
    if call.get("KeyName") and call.get("KeyName") not in backend.key_pairs:
        raise Refused("InvalidKeyPair.NotFound", f"The key pair '{call.get('KeyName')}' does not exist")
    if image is not None:
        _devices(call, image, kind)
    _user_data(call)
    _options(call)
    call.form["MinCount"] = call.form["MaxCount"]


def _counts(call: Call) -> None:
    least, most = call.get("MinCount"), call.get("MaxCount")
    if not least or not most:
        raise Refused("MissingParameter", "The request must contain the parameter MinCount and MaxCount")
    if not least.isdigit() or not most.isdigit() or not 1 <= int(least) <= int(most):
        raise Refused(
            "InvalidParameterValue", "minCount and maxCount must be at least 1, and minCount not above maxCount"
        )
    for prefix, item in call.groups("TagSpecification"):
        if item.get("ResourceType") not in _TAGGABLE:
            text = f"'{item.get('ResourceType')}' is not a valid taggable resource type for this operation."
            raise Refused("InvalidParameterValue", f"{text} ({prefix})")


def _image(call: Call, backend: Any) -> Any:
    name = call.get("ImageId")
    if not name and any(key.startswith("LaunchTemplate.") for key in call.form):
        return None
    if not name:
        raise Refused("MissingParameter", "The request must contain the parameter ImageId")
    if not re.fullmatch(r"ami-[0-9a-f]{8,17}", name):
        raise Refused("InvalidAMIID.Malformed", f'Invalid id: "{name}"')
    image = backend.amis.get(name)
    if image is None:
        raise Refused("InvalidAMIID.NotFound", f"The image id '[{name}]' does not exist")
    if image.state != "available":
        raise Refused("InvalidAMIID.Unavailable", f"The image id '[{name}]' is not available")
    return image


def _type(name: str, image: Any) -> Any:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    kind = INSTANCE_TYPES.get(name)
    if kind is None:
        raise Refused("InvalidParameterValue", f"Invalid value '{name}' for InstanceType.")
    known = kind["ProcessorInfo"]["SupportedArchitectures"]
    if image is not None and image.architecture not in known:
        raise Refused(
            "InvalidParameterValue",
            f"The architecture '{','.join(known)}' of the specified instance type does not match the architecture "
            f"'{image.architecture}' of the specified AMI. Specify an instance type and an AMI that have matching "
            "architectures, and try again.",
        )
    return kind


def _subnet(call: Call, backend: Any) -> Any:
    nics = call.groups("NetworkInterface")
    top = call.get("SubnetId")
    if nics and (top or call.many("SecurityGroupId") or call.many("SecurityGroup")):
        text = "Network interfaces and an instance-level subnet ID or groups may not be specified on the same request"
        raise Refused("InvalidParameterCombination", text)
    wanted = [top] if top else [item["SubnetId"] for _prefix, item in nics if "SubnetId" in item]
    existing = [item["NetworkInterfaceId"] for _prefix, item in nics if "NetworkInterfaceId" in item]
    if not wanted and not existing:
        wanted = [_default_subnet(call, backend).id]
        call.form[f"{nics[0][0]}.SubnetId" if nics else "SubnetId"] = wanted[0]
    known = account.subnets(backend)
    for name in wanted:
        if name not in known:
            raise Refused("InvalidSubnetID.NotFound", f"The subnet ID '{name}' does not exist")
    for name in existing:
        if name not in backend.enis:
            raise Refused("InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{name}' does not exist")
        if backend.enis[name].instance is not None:
            raise Refused("InvalidNetworkInterface.InUse", f"Interface: [{name}] in use.")
    subnet = known[wanted[0]] if wanted else backend.enis[existing[0]].subnet
    zone = call.get("Placement.AvailabilityZone")
    if zone and zone != subnet.availability_zone:
        text = f"The subnet '{subnet.id}' is in the availability zone {subnet.availability_zone}, not in {zone}."
        raise Refused("InvalidParameterValue", text)
    return subnet


def _default_subnet(call: Call, backend: Any) -> Any:
    zone = call.get("Placement.AvailabilityZone")
    found = [item for item in account.subnets(backend).values() if str(item.default_for_az).lower() == "true"]
    if zone:
        found = [item for item in found if item.availability_zone == zone]
    if not found:
        raise Refused("MissingInput", "No subnets found for the default VPC. Please specify a subnet.")
    return min(found, key=lambda item: str(item.availability_zone))


def _groups(call: Call, backend: Any, subnet: Any) -> None:
    known = account.groups(backend)
    names = call.many("SecurityGroup")
    if names and call.get("SubnetId") and str(subnet.default_for_az).lower() != "true":
        text = "The parameter groupName cannot be used with the parameter subnet"
        raise Refused("InvalidParameterCombination", text)
    ids = call.many("SecurityGroupId")
    nics = call.groups("NetworkInterface")
    for prefix, _item in nics:
        ids += call.many(f"{prefix}.SecurityGroupId")
    for name in ids:
        if name not in known:
            raise Refused("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
        if known[name].vpc_id != subnet.vpc_id:
            text = f"Security group {name} and subnet {subnet.id} belong to different networks."
            raise Refused("InvalidParameter", text)
    if not ids and not names and not nics:
        default = account.default_group(backend, subnet.vpc_id)
        if default is not None:
            call.form["SecurityGroupId.1"] = default.id


def _interfaces(call: Call, backend: Any) -> None:
    nics = call.groups("NetworkInterface")
    if nics and "0" not in [item.get("DeviceIndex") for _prefix, item in nics]:
        raise Refused("MissingParameter", "There must be a network interface with the device index 0.")
    for _prefix, item in nics:
        if len(nics) > 1 and "AssociatePublicIpAddress" in item:
            text = "The associatePublicIPAddress parameter cannot be specified when launching with multiple interfaces."
            raise Refused("InvalidParameterCombination", text)
        if "NetworkInterfaceId" in item and int(call.form["MaxCount"]) > 1:
            raise Refused("InvalidParameterCombination", "One network interface cannot belong to several instances.")


def _private_address(call: Call, backend: Any, subnet: Any) -> None:
    wanted = [call.get("PrivateIpAddress")] if call.get("PrivateIpAddress") else []
    wanted += [item["PrivateIpAddress"] for _p, item in call.groups("NetworkInterface") if "PrivateIpAddress" in item]
    count = int(call.form["MaxCount"])
    if wanted and count > 1:
        raise Refused("InvalidParameterCombination", "Only one instance can have a given private address.")
    for address in wanted:
        check_private_address(backend, subnet, address)
    network = ipaddress.ip_network(subnet.cidr_block)
    free = network.num_addresses - addresses.FIRST - 1 - len(addresses.taken(backend, subnet.id))
    if count > free:
        text = (
            f"There are not enough free addresses in subnet '{subnet.id}' to satisfy the requested number of instances."
        )
        raise Refused("InsufficientFreeAddressesInSubnet", text)


def check_private_address(backend: Any, subnet: Any, address: str) -> None:
    """Refuse an address that is outside a subnet, reserved or taken."""
    network = ipaddress.ip_network(subnet.cidr_block)
    try:
        inside = ipaddress.ip_address(address) in network
    except ValueError:
        inside = False
    if not inside:
        raise Refused("InvalidParameterValue", "Address does not fall within the subnet's address range")
    number = int(ipaddress.ip_address(address)) - int(network.network_address)
    if number < addresses.FIRST or number == network.num_addresses - 1:
        raise Refused("InvalidParameterValue", "Address is in subnet's reserved address range")
    if address in addresses.taken(backend, subnet.id):
        raise Refused("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _devices(call: Call, image: Any, kind: Any) -> None:
    mappings = call.groups("BlockDeviceMapping")
    names = [item.get("DeviceName", "") for _prefix, item in mappings]
    root = image.block_device_mappings[0]
    for prefix, item in mappings:
        name = item.get("DeviceName", "")
        if not _DEVICE.fullmatch(name):
            raise Refused("InvalidBlockDeviceMapping", f"Invalid device name {name}")
        if names.count(name) > 1:
            raise Refused(
                "InvalidBlockDeviceMapping", f"The device '{name}' is used in more than one block-device mapping"
            )
        if name == root["DeviceName"]:
            _fill_root(call, prefix, item, root["Ebs"])
        size = call.get(f"{prefix}.Ebs.VolumeSize")
        check_volume(call.get(f"{prefix}.Ebs.VolumeType") or "gp2", size, call.get(f"{prefix}.Ebs.Iops"))
    if root["DeviceName"] not in names:
        prefix = f"BlockDeviceMapping.{max([int(item[0].rpartition('.')[2]) for item in mappings], default=0) + 1}"
        call.form[f"{prefix}.DeviceName"] = root["DeviceName"]
        _fill_root(call, prefix, {}, root["Ebs"])


def _fill_root(call: Call, prefix: str, item: dict[str, str], ebs: dict[str, Any]) -> None:
    size = item.get("Ebs.VolumeSize", str(ebs["VolumeSize"]))
    if size.isdigit() and int(size) < int(ebs["VolumeSize"]):
        least = f"expect size >= {ebs['VolumeSize']}GB"
        text = f"Volume of size {size}GB is smaller than snapshot '{ebs['SnapshotId']}', {least}"
        raise Refused("InvalidBlockDeviceMapping", text)
    call.form[f"{prefix}.Ebs.VolumeSize"] = size
    call.form.setdefault(f"{prefix}.Ebs.VolumeType", str(ebs["VolumeType"]))
    call.form.setdefault(f"{prefix}.Ebs.DeleteOnTermination", "true")


_SIZES = {"standard": (1, 1024), "gp2": (1, 16384), "gp3": (1, 65536), "io1": (4, 16384), "io2": (4, 65536)}
_SIZES |= {"st1": (125, 16384), "sc1": (125, 16384)}


def check_volume(kind: str, size: str, iops: str) -> None:
    """Refuse types and sizes of volumes that EBS does not have."""
    if kind not in _SIZES:
        raise Refused("InvalidParameterValue", f"Value ({kind}) for parameter volumeType is invalid.")
    least, most = _SIZES[kind]
    if size and (not size.isdigit() or not least <= int(size) <= most):
        text = f"Volume size for volume type '{kind}' must be between {least} and {most} GiB."
        raise Refused("InvalidParameterValue", text)
    if iops and kind == "gp3" and not 3000 <= int(iops) <= 80000:
        raise Refused("InvalidParameterValue", "Volume iops of gp3 must be between 3000 and 80000.")


def _user_data(call: Call) -> None:
    text = call.get("UserData")
    if not text:
        return
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.") from error
    if len(data) > MOST_USER_DATA:
        raise Refused("InvalidParameterValue", "User data is limited to 16384 bytes")


def _options(call: Call) -> None:
    choices = {
        "MetadataOptions.HttpTokens": ("optional", "required"),
        "MetadataOptions.HttpEndpoint": ("enabled", "disabled"),
        "InstanceMarketOptions.MarketType": ("spot", "capacity-block"),
        "InstanceInitiatedShutdownBehavior": ("stop", "terminate"),
    }
    for name, known in choices.items():
        if call.get(name) and call.get(name) not in known:
            raise Refused("InvalidParameterValue", f"Value ({call.get(name)}) for parameter {name} is invalid.")
    _profile(call)


def _profile(call: Call) -> None:
    from moto.iam.models import iam_backends

    known = iam_backends[account.ACCOUNT]["aws"].instance_profiles.values()
    for field, key in (("name", "Name"), ("arn", "Arn")):
        wanted = call.get(f"IamInstanceProfile.{key}")
        if wanted and not any(getattr(item, field) == wanted for item in known):
            text = f"Value ({wanted}) for parameter iamInstanceProfile.{field} is invalid."
            raise Refused("InvalidParameterValue", text)


def _known_instances(call: Call, backend: Any) -> list[Any]:
    known = account.instances(backend)
    wanted = call.many("InstanceId") or ([call.get("InstanceId")] if call.get("InstanceId") else [])
    for name in wanted:
        if not re.fullmatch(r"i-[0-9a-f]{8,17}", name):
            raise Refused("InvalidInstanceID.Malformed", f'Invalid id: "{name}"')
    missing = [name for name in wanted if name not in known]
    if missing:
        many = "s" if len(missing) > 1 else ""
        verb = "do" if many else "does"
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID{many} '{', '.join(missing)}' {verb} not exist")
    return [known[name] for name in wanted]


def _in_state(verb: str, *states: str) -> Callable[[Call, Any], None]:
    def check(call: Call, backend: Any) -> None:
        for instance in _known_instances(call, backend):
            if instance.state not in states:
                text = f"The instance '{instance.id}' is not in a state from which it can be {verb}."
                raise Refused("IncorrectInstanceState", text)

    return check


def _terminate(call: Call, backend: Any) -> None:
    for instance in _known_instances(call, backend):
        if str(instance.disable_api_termination).lower() == "true":
            text = f"The instance '{instance.id}' may not be terminated: 'disableApiTermination' is set."
            raise Refused("OperationNotPermitted", text)


def _modify(call: Call, backend: Any) -> None:
    instance = _known_instances(call, backend)[0]
    kind = call.get("InstanceType.Value") or (call.get("Value") if call.get("Attribute") == "instanceType" else "")
    stopped_only = kind or call.get("UserData.Value") or call.get("Attribute") == "userData"
    if stopped_only and instance.state != "stopped":
        raise Refused("IncorrectInstanceState", f"The instance '{instance.id}' is not in the 'stopped' state.")
    if kind:
        _type(kind, backend.amis.get(instance.image_id))
    known = account.groups(backend)
    for name in call.many("GroupId"):
        if name not in known or known[name].vpc_id != instance.vpc_id:
            raise Refused("InvalidGroup.NotFound", f"The security group '{name}' does not exist")


def _types(call: Call, _backend: Any) -> None:
    from moto.ec2.models.instance_types import INSTANCE_TYPES

    missing = [name for name in call.many("InstanceType") if name not in INSTANCE_TYPES]
    if missing:
        text = f"The following supplied instance types do not exist: [{', '.join(missing)}]"
        raise Refused("InvalidInstanceType", text)


CHECKS: dict[str, Callable[[Call, Any], None]] = {
    "RunInstances": run_instances,
    "StartInstances": _in_state("started", "stopped", "running", "pending"),
    "StopInstances": _in_state("stopped", "running", "stopping", "stopped"),
    "RebootInstances": _in_state("rebooted", "running", "stopped", "stopping", "pending"),
    "TerminateInstances": _terminate,
    "ModifyInstanceAttribute": _modify,
    "ModifyInstanceMetadataOptions": _in_state("changed", "running", "stopped", "stopping", "pending"),
    "DescribeInstances": lambda call, backend: (_known_instances(call, backend), None)[1],
    "DescribeInstanceTypes": _types,
}

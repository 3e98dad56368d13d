# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of resources that an infrastructure can have on EC2: how each is listed, named and deleted. One table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]

# Tags. The first is on everything.
INFRASTRUCTURE = "im_infrastructure"
PART = "im_part"  # which piece of the layout it is
NODE = "im_node"
INSTANCE = "im_instance"
BATCH = "im_batch"  # the numbers of the hosts of one RunInstances call, in the order of their launch index
FQDN = "im_fqdn"
USER = "im_user"
SIZE = "im_size"  # what was asked for, so that another wish is seen
HAS = "im_has"  # what the type has: vCPUs and bytes of memory
DISK = "im_disk."  # and the letter of the device: name, folder and file system
LAST = "im_last"  # the highest number ever used, on the key pair
KEY = "im_key"  # which public key the pair has
DNS = "im_dns."  # and a number: a public name that leads to the address
LED = "im_led"  # the names whose records are made
SOURCE = "im_source"  # on images: the host that it was made of. They stay when the infrastructure goes.


@dataclass(frozen=True)
class Kind:
    """How EC2 lists and deletes a kind of resource.

    `gone`: states in which it is no longer there. `missing`: codes of errors that say so.
    """

    name: str
    describe: str
    result: str
    id: str
    delete: str
    filters: str = "Filters"
    state: str = "State"
    gone: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


INSTANCES = Kind(
    "host", "describe_instances", "Reservations", "InstanceId", "terminate_instances",
    gone=("terminated",), missing=("InvalidInstanceID.NotFound",),
)  # fmt: skip
ADDRESSES = Kind(
    "address", "describe_addresses", "Addresses", "AllocationId", "release_address",
    missing=("InvalidAllocationID.NotFound", "InvalidAddress.NotFound", "InvalidAddressID.NotFound"),
)  # fmt: skip
NAT_GATEWAYS = Kind(
    "NAT gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId", "delete_nat_gateway",
    filters="Filter", gone=("deleted", "failed"), missing=("NatGatewayNotFound", "InvalidNatGatewayID.NotFound"),
)  # fmt: skip
VOLUMES = Kind(
    "volume", "describe_volumes", "Volumes", "VolumeId", "delete_volume",
    gone=("deleting", "deleted"), missing=("InvalidVolume.NotFound",),
)  # fmt: skip
INTERFACES = Kind(
    "network interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId",
    "delete_network_interface", state="Status", missing=("InvalidNetworkInterfaceID.NotFound",),
)  # fmt: skip
GROUPS = Kind(
    "security group", "describe_security_groups", "SecurityGroups", "GroupId", "delete_security_group",
    missing=("InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidSecurityGroupID.NotFound"),
)  # fmt: skip
TABLES = Kind(
    "route table", "describe_route_tables", "RouteTables", "RouteTableId", "delete_route_table",
    missing=("InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"),
)  # fmt: skip
GATEWAYS = Kind(
    "internet gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId",
    "delete_internet_gateway", missing=("InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.NotFound"),
)  # fmt: skip
SUBNETS = Kind(
    "subnet", "describe_subnets", "Subnets", "SubnetId", "delete_subnet",
    missing=("InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound"),
)  # fmt: skip
VPCS = Kind(
    "VPC", "describe_vpcs", "Vpcs", "VpcId", "delete_vpc", missing=("InvalidVpcID.NotFound", "InvalidVpcId.NotFound")
)
KEYS = Kind(
    "key pair", "describe_key_pairs", "KeyPairs", "KeyPairId", "delete_key_pair",
    missing=("InvalidKeyPair.NotFound",),
)  # fmt: skip

# In the order in which they can be deleted.
ALL = (
    INSTANCES, ADDRESSES, NAT_GATEWAYS, VOLUMES, INTERFACES, GROUPS, TABLES, GATEWAYS, SUBNETS, VPCS, KEYS,
)  # fmt: skip


def tags_of(resource: Resource) -> dict[str, str]:
    """Return the tags of a resource as a mapping."""
    return {item["Key"]: item["Value"] for item in resource.get("Tags") or resource.get("TagSet") or []}


def as_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a mapping in the form in which EC2 takes tags."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_specifications(types: Iterable[str], tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return `TagSpecifications` for the calls that tag what they create."""
    return [{"ResourceType": name, "Tags": as_tags(tags)} for name in types]


def state_of(kind: Kind, resource: Resource) -> str:
    """Return the state of a resource, "" for kinds that have none."""
    state = resource.get(kind.state, "")
    return str(state.get("Name", "") if isinstance(state, Mapping) else state)

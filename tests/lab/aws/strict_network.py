# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 refuses about networks: VPCs, subnets, gateways, security groups, addresses."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from . import account
from .answers import Refused
from .calls import Call
from .strict_instances import check_private_address

_TEXT = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}")


def _depends(kind: str, name: str) -> Refused:
    return Refused("DependencyViolation", f"The {kind} '{name}' has dependencies and cannot be deleted.")


def _delete_subnet(call: Call, backend: Any) -> None:
    name = call.get("SubnetId")
    if any(item.subnet.id == name for item in account.interfaces(backend)):
        raise _depends("subnet", name)


def _after_delete_subnet(call: Call, backend: Any) -> None:
    name = call.get("SubnetId")
    for table in backend.route_tables.values():
        for key in [key for key, subnet in table._associations.items() if subnet == name]:
            del table._associations[key]
    for acl in backend.network_acls.values():
        for key in [key for key, item in acl._associations.items() if item.subnet_id == name]:
            del acl._associations[key]


def _delete_vpc(call: Call, backend: Any) -> None:
    name = call.get("VpcId")
    busy = [
        *(item for item in account.subnets(backend).values() if item.vpc_id == name),
        *(item for item in account.interfaces(backend) if item.subnet.vpc_id == name),
        *(item for item in account.groups(backend).values() if item.vpc_id == name and item.name != "default"),
        *(item for item in backend.internet_gateways.values() if item.vpc and item.vpc.id == name),
        *(item for item in backend.route_tables.values() if item.vpc_id == name and not item.main_association_id),
    ]
    if busy:
        raise _depends("vpc", name)


def _after_delete_vpc(call: Call, backend: Any) -> None:
    name = call.get("VpcId")
    backend.groups.pop(name, None)
    for key in [key for key, item in backend.network_acls.items() if item.vpc_id == name]:
        del backend.network_acls[key]


def _attach_gateway(call: Call, backend: Any) -> None:
    vpc = call.get("VpcId")
    if any(item.vpc and item.vpc.id == vpc for item in backend.internet_gateways.values()):
        raise Refused("InvalidParameterValue", f"Network {vpc} already has an internet gateway attached")


def _detach_gateway(call: Call, backend: Any) -> None:
    vpc = call.get("VpcId")
    if any(item.public_ip and item.subnet.vpc_id == vpc for item in account.interfaces(backend)):
        text = f"Network {vpc} has some mapped public address(es). Please unmap those first."
        raise Refused("DependencyViolation", text)


def _delete_route_table(call: Call, backend: Any) -> None:
    table = backend.route_tables.get(call.get("RouteTableId"))
    if table is not None and table.main_association_id:
        raise _depends("routeTable", table.id)


def _create_route(call: Call, backend: Any) -> None:
    table = backend.route_tables.get(call.get("RouteTableId"))
    gateway = backend.internet_gateways.get(call.get("GatewayId"))
    if table is not None and gateway is not None and (not gateway.vpc or gateway.vpc.id != table.vpc_id):
        text = f"route table {table.id} and network gateway {gateway.id} belong to different networks"
        raise Refused("InvalidParameterValue", text)
    if call.get("NatGatewayId") and call.get("NatGatewayId") not in backend.nat_gateways:
        text = f"The natGateway ID '{call.get('NatGatewayId')}' does not exist"
        raise Refused("InvalidNatGatewayID.NotFound", text)


def _associate_route_table(call: Call, backend: Any) -> None:
    table, subnet = backend.route_tables.get(call.get("RouteTableId")), call.get("SubnetId")
    for other in backend.route_tables.values():
        if table is not None and other is not table and subnet in other._associations.values():
            text = f"the specified association for route table {table.id} conflicts with an existing association"
            raise Refused("Resource.AlreadyAssociated", text)
    known = account.subnets(backend)
    if table is not None and subnet in known and known[subnet].vpc_id != table.vpc_id:
        raise Refused(
            "InvalidParameterValue", f"Route table {table.id} and subnet {subnet} belong to different networks"
        )


def _create_group(call: Call, backend: Any) -> None:
    name, text = call.get("GroupName"), call.get("GroupDescription")
    for key, value in (("GroupName", name), ("GroupDescription", text)):
        if not value:
            raise Refused("MissingParameter", f"The request must contain the parameter {key}")
        if not _TEXT.fullmatch(value):
            raise Refused(
                "InvalidParameterValue",
                f"Value ({value}) for parameter {key} is invalid. Character sets beyond ASCII are not supported.",
            )
    if name.startswith("sg-"):
        raise Refused("InvalidParameterValue", "Group names may not be in the format sg-*.")
    if name == "default":
        raise Refused("InvalidParameterValue", "Cannot use reserved security group name: default")
    vpc = call.get("VpcId")
    if vpc and vpc not in backend.vpcs:
        raise Refused("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist")


def _group(call: Call, backend: Any) -> Any:
    return account.groups(backend).get(call.get("GroupId"))


def _delete_group(call: Call, backend: Any) -> None:
    group = _group(call, backend)
    if group is None:
        return
    if group.name == "default":
        text = f'the specified group: "{group.id}" name: "default" cannot be deleted by a user'
        raise Refused("CannotDelete", text)
    used = any(group in item._group_set for item in account.interfaces(backend))
    others = [item for item in account.groups(backend).values() if item is not group]
    rules = [rule for item in others for rule in [*item.ingress_rules, *item.egress_rules]]
    if used or any((rule.source_group or {}).get("GroupId") == group.id for rule in rules):
        raise Refused("DependencyViolation", f"resource {group.id} has a dependent object")


def _rules(call: Call, backend: Any) -> None:
    group, known = _group(call, backend), account.groups(backend)
    seen: list[dict[str, str]] = []
    for prefix, item in call.groups("IpPermissions"):
        if item in seen:
            raise Refused("InvalidParameterValue", "The same permission must not appear multiple times")
        seen.append(item)
        _ports(item)
        for _prefix, source in call.groups(f"{prefix}.Groups"):
            other = known.get(source.get("GroupId", ""))
            if "GroupId" in source and (other is None or (group is not None and other.vpc_id != group.vpc_id)):
                text = f"The security group '{source['GroupId']}' does not exist"
                raise Refused("InvalidGroup.NotFound", text)


def _ports(item: dict[str, str]) -> None:
    protocol = item.get("IpProtocol", "")
    if not protocol:
        raise Refused("MissingParameter", "The request must contain the parameter ipProtocol")
    if protocol not in ("tcp", "udp", "6", "17"):
        return
    if "FromPort" not in item or "ToPort" not in item:
        raise Refused(
            "InvalidParameterValue", "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."
        )
    first, last = int(item["FromPort"]), int(item["ToPort"])
    if not 0 <= first <= last <= 65535:
        raise Refused("InvalidParameterValue", f"Invalid TCP/UDP port range ({first}:{last})")


def _release(call: Call, backend: Any) -> None:
    for item in backend.addresses:
        if call.get("AllocationId") == item.allocation_id and item.association_id:
            raise Refused("InvalidIPAddress.InUse", f"Address {item.public_ip} is in use.")


def _associate(call: Call, backend: Any) -> None:
    name = call.get("InstanceId")
    instance = account.instances(backend).get(name)
    interface = backend.enis.get(call.get("NetworkInterfaceId"))
    if name and instance is None:
        raise Refused("InvalidInstanceID.NotFound", f"The instance ID '{name}' does not exist")
    if instance is not None and instance.state not in ("running", "stopped"):
        text = f"The {instance.state} instance '{name}' is not in a valid state for this operation."
        raise Refused("InvalidInstanceID", text)
    if interface is None and instance is not None:
        interface = instance.nics[0]
    if interface is None:
        raise Refused("MissingParameter", "Either instance ID or network interface id must be specified")
    subnet = interface.subnet
    if not any(item.vpc and item.vpc.id == subnet.vpc_id for item in backend.internet_gateways.values()):
        raise Refused("Gateway.NotAttached", f"Network {subnet.vpc_id} is not attached to any internet gateway")
    _let_go(backend, interface, call)


def _let_go(backend: Any, interface: Any, call: Call) -> None:
    """Let go of the address that the interface had, and of the interface that the address had, as AWS does."""
    for item in backend.addresses:
        if item.allocation_id == call.get("AllocationId") and item.eni is not None and item.eni is not interface:
            if call.get("AllowReassociation").lower() == "false":
                raise Refused("Resource.AlreadyAssociated", f"resource {item.allocation_id} is already associated")
            item.eni.public_ip, item.eni, item.instance, item.association_id = None, None, None, None
        elif item.allocation_id != call.get("AllocationId") and item.eni is interface:
            if call.get("AllowReassociation").lower() == "false":
                raise Refused("Resource.AlreadyAssociated", f"resource {interface.id} is already associated")
            item.eni, item.instance, item.association_id = None, None, None


def _create_nat(call: Call, backend: Any) -> None:
    if call.get("SubnetId") not in account.subnets(backend):
        raise Refused("InvalidSubnetID.NotFound", f"The subnet ID '{call.get('SubnetId')}' does not exist")
    if call.get("ConnectivityType", "public") != "public":
        return
    name = call.get("AllocationId")
    if not name:
        raise Refused("MissingParameter", "The request must contain the parameter AllocationId")
    found = [item for item in backend.addresses if item.allocation_id == name]
    if not found:
        raise Refused("InvalidAllocationID.NotFound", f"The allocation ID '{name}' does not exist")
    if found[0].association_id:
        raise Refused("Resource.AlreadyAssociated", f"Elastic IP address [{name}] is already associated")


def _delete_nat(call: Call, backend: Any) -> None:
    name = call.get("NatGatewayId")
    if name not in backend.nat_gateways:
        raise Refused("NatGatewayNotFound", f"The Nat Gateway {name} was not found")


def _create_interface(call: Call, backend: Any) -> None:
    subnet = account.subnets(backend).get(call.get("SubnetId"))
    if subnet is None:
        raise Refused("InvalidSubnetID.NotFound", f"The subnet ID '{call.get('SubnetId')}' does not exist")
    known = account.groups(backend)
    for name in call.many("SecurityGroupId"):
        if name not in known or known[name].vpc_id != subnet.vpc_id:
            raise Refused("InvalidGroup.NotFound", f"The security group '{name}' does not exist")
    if call.get("PrivateIpAddress"):
        check_private_address(backend, subnet, call.get("PrivateIpAddress"))


def _delete_interface(call: Call, backend: Any) -> None:
    name = call.get("NetworkInterfaceId")
    found = backend.enis.get(name)
    if found is not None and (found.instance is not None or any(item._eni is found for item in _nats(backend))):
        raise Refused("InvalidParameterValue", f"Network interface '{name}' is currently in use.")


def _nats(backend: Any) -> list[Any]:
    return [item for item in backend.nat_gateways.values() if item.state != "deleted"]


CHECKS: dict[str, Callable[[Call, Any], None]] = {
    "DeleteSubnet": _delete_subnet,
    "DeleteVpc": _delete_vpc,
    "AttachInternetGateway": _attach_gateway,
    "DetachInternetGateway": _detach_gateway,
    "DeleteRouteTable": _delete_route_table,
    "CreateRoute": _create_route,
    "AssociateRouteTable": _associate_route_table,
    "CreateSecurityGroup": _create_group,
    "DeleteSecurityGroup": _delete_group,
    "AuthorizeSecurityGroupIngress": _rules,
    "AuthorizeSecurityGroupEgress": _rules,
    "ReleaseAddress": _release,
    "AssociateAddress": _associate,
    "CreateNatGateway": _create_nat,
    "DeleteNatGateway": _delete_nat,
    "CreateNetworkInterface": _create_interface,
    "DeleteNetworkInterface": _delete_interface,
}
AFTER: dict[str, Callable[[Call, Any], None]] = {
    "DeleteSubnet": _after_delete_subnet,
    "DeleteVpc": _after_delete_vpc,
}

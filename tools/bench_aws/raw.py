# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same hosts by boto3 alone, without a look at what exists: the least that the API allows.

Usage: raw.py deploy|again|destroy HOSTS AMI PUBLIC_KEY
"""

from __future__ import annotations

import sys
import time
from typing import Any

import boto3

TAG = {"Key": "im_bench", "Value": "raw"}
OURS = [{"Name": "tag:im_bench", "Values": ["raw"]}]


def tags(kind: str) -> list[dict[str, Any]]:
    """Return the tags of what a call makes."""
    return [{"ResourceType": kind, "Tags": [TAG]}]


def deploy(ec2: Any, hosts: int, ami: str, key: str) -> None:
    """Make everything and wait until the hosts run."""
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc"))["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/20", TagSpecifications=tags("subnet"))
    subnet = made["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=tags("internet-gateway"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table"))["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway["InternetGatewayId"])
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    group = ec2.create_security_group(
        GroupName="raw", Description="raw", VpcId=vpc, TagSpecifications=tags("security-group")
    )["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    ec2.import_key_pair(KeyName="raw", PublicKeyMaterial=key.encode(), TagSpecifications=tags("key-pair"))
    ec2.run_instances(
        ImageId=ami, InstanceType="t3.micro", MinCount=hosts, MaxCount=hosts, KeyName="raw",
        NetworkInterfaces=[{
            "DeviceIndex": 0, "SubnetId": subnet, "Groups": [group], "AssociatePublicIpAddress": True
        }],
        TagSpecifications=tags("instance"),
    )  # fmt: skip
    wait(ec2, "running", hosts)


def again(ec2: Any) -> None:
    """Look at everything."""
    for name in ("instances", "vpcs", "subnets", "route_tables", "security_groups", "internet_gateways", "key_pairs"):
        getattr(ec2, f"describe_{name}")(Filters=OURS)


def destroy(ec2: Any) -> None:
    """Remove everything."""
    found = instances(ec2)
    ec2.terminate_instances(InstanceIds=[item["InstanceId"] for item in found])
    wait(ec2, "terminated", len(found))
    ec2.delete_key_pair(KeyName="raw")
    for item in ec2.describe_security_groups(Filters=OURS)["SecurityGroups"]:
        ec2.delete_security_group(GroupId=item["GroupId"])
    for item in ec2.describe_route_tables(Filters=OURS)["RouteTables"]:
        for association in item["Associations"]:
            ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
        ec2.delete_route_table(RouteTableId=item["RouteTableId"])
    for item in ec2.describe_internet_gateways(Filters=OURS)["InternetGateways"]:
        for attachment in item["Attachments"]:
            ec2.detach_internet_gateway(InternetGatewayId=item["InternetGatewayId"], VpcId=attachment["VpcId"])
        ec2.delete_internet_gateway(InternetGatewayId=item["InternetGatewayId"])
    for item in ec2.describe_subnets(Filters=OURS)["Subnets"]:
        ec2.delete_subnet(SubnetId=item["SubnetId"])
    for item in ec2.describe_vpcs(Filters=OURS)["Vpcs"]:
        ec2.delete_vpc(VpcId=item["VpcId"])


def instances(ec2: Any) -> list[Any]:
    """Return the hosts that are not gone."""
    found = ec2.get_paginator("describe_instances").paginate(Filters=OURS).build_full_result()
    all_of_them = [item for reservation in found["Reservations"] for item in reservation["Instances"]]
    return [item for item in all_of_them if item["State"]["Name"] != "terminated"]


def wait(ec2: Any, state: str, hosts: int) -> None:
    """Wait until all hosts are in a state."""
    for _attempt in range(300):
        found = instances(ec2)
        if state == "terminated" and not found:
            return
        if state == "running" and sum(item["State"]["Name"] == state for item in found) == hosts:
            return
        time.sleep(1)
    raise SystemExit(f"the hosts are not {state}")


def main() -> None:
    """Do one phase."""
    phase, hosts, ami, key = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    ec2 = boto3.client("ec2")
    if phase == "deploy":
        deploy(ec2, hosts, ami, key)
    elif phase == "again":
        again(ec2)
    else:
        destroy(ec2)


if __name__ == "__main__":
    main()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab refuses what AWS refuses: one line per refusal, all on one lab without hosts."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.client import Lab

pytestmark = pytest.mark.integration


class World:
    """A VPC with a subnet, a gateway, a group, an instance and a volume, and a second VPC."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ec2 = lab.client("ec2")
        self.amd = self.image("debian-12-amd64-*")
        self.arm = self.image("debian-12-arm64-*")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnet = self.make_subnet(self.vpc, "10.0.1.0/24")
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(VpcId=self.vpc, InternetGatewayId=self.gateway)
        self.group = self.make_group("world", self.vpc)
        self.friend = self.make_group("friend", self.vpc)
        self.allow(self.group, 22)
        pair = {"GroupId": self.group}
        permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [pair]}
        self.ec2.authorize_security_group_ingress(GroupId=self.friend, IpPermissions=[permission])
        self.other = self.ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        self.other_group = self.make_group("other", self.other)
        self.ec2.import_key_pair(KeyName="world", PublicKeyMaterial=KEY)
        self.instance = self.run(PrivateIpAddress="10.0.1.77")["Instances"][0]["InstanceId"]
        self.wait(self.instance, "running")
        self.address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.ec2.associate_address(AllocationId=self.address, InstanceId=self.instance)
        zone = self.ec2.describe_subnets(SubnetIds=[self.subnet])["Subnets"][0]["AvailabilityZone"]
        self.volume = self.make_volume(zone)
        # The emulator chooses the zone of a subnet by chance.
        self.other_zone = f"{zone[:-1]}{'b' if zone.endswith('a') else 'a'}"
        self.far = self.make_volume(self.other_zone)
        self.used = self.make_volume(zone)
        self.wait_for(lambda: self.ec2.describe_volumes(VolumeIds=[self.used])["Volumes"][0]["State"] == "available")
        self.ec2.attach_volume(VolumeId=self.used, InstanceId=self.instance, Device="/dev/sdf")

    def image(self, name: str) -> str:
        found = self.ec2.describe_images(Owners=["136693071363"], Filters=[{"Name": "name", "Values": [name]}])[
            "Images"
        ]
        return str(found[0]["ImageId"])

    def make_subnet(self, vpc: str, cidr: str) -> str:
        return str(self.ec2.create_subnet(VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"])

    def make_group(self, name: str, vpc: str) -> str:
        return str(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])

    def make_volume(self, zone: str) -> str:
        return str(self.ec2.create_volume(Size=1, AvailabilityZone=zone, VolumeType="gp3")["VolumeId"])

    def allow(self, group: str, port: int, **more: Any) -> None:
        permission = {
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
            **more,
        }
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])

    def run(self, **changes: Any) -> Any:
        options = {
            "ImageId": self.amd,
            "InstanceType": "t3.micro",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": self.subnet,
            "SecurityGroupIds": [self.group],
            "KeyName": "world",
            **changes,
        }
        return self.ec2.run_instances(**{key: value for key, value in options.items() if value is not None})

    def state(self, instance: str) -> str:
        found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return str(found["State"]["Name"])

    def wait(self, instance: str, state: str) -> None:
        self.wait_for(lambda: self.state(instance) == state)

    @staticmethod
    def wait_for(so: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not so():
            assert time.monotonic() < end
            time.sleep(0.1)


KEY = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKsgOv9hQmTnUCYHhsUhCckhcJJqyHPmCVqZ5wSHXeOR test"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    state: Path = tmp_path_factory.mktemp("lab")
    with Lab.start(hosts=False, state=state) as lab:
        lab.settings(pending_seconds=0.2)
        yield World(lab)


def _tags(count: int, key: str = "k", value: str = "v") -> list[dict[str, Any]]:
    return [
        {"ResourceType": "instance", "Tags": [{"Key": f"{key}{number}", "Value": value} for number in range(count)]}
    ]


def _disk(size: int, device: str = "/dev/xvda") -> list[dict[str, Any]]:
    return [{"DeviceName": device, "Ebs": {"VolumeSize": size}}]


def _nic(world: World, **more: Any) -> list[dict[str, Any]]:
    return [{"DeviceIndex": 0, "SubnetId": world.subnet, **more}]


def _permission(world: World, **more: Any) -> dict[str, Any]:
    item = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "0.0.0.0/0"}], **more}
    return {"GroupId": world.group, "IpPermissions": [item]}


Refusal = tuple[str, Callable[[World], object]]
REFUSALS: list[Refusal] = [
    ("InvalidAMIID.NotFound", lambda w: w.run(ImageId="ami-00000000000000001")),
    ("InvalidAMIID.Malformed", lambda w: w.run(ImageId="debian")),
    ("InvalidParameterValue", lambda w: w.run(InstanceType="t9.huge")),
    ("InvalidParameterValue", lambda w: w.run(InstanceType="t4g.micro")),
    ("InvalidParameterValue", lambda w: w.run(ImageId=w.arm)),
    ("InvalidSubnetID.NotFound", lambda w: w.run(SubnetId="subnet-00000000")),
    ("InvalidGroup.NotFound", lambda w: w.run(SecurityGroupIds=["sg-00000000"])),
    ("InvalidParameter", lambda w: w.run(SecurityGroupIds=[w.other_group])),
    ("InvalidKeyPair.NotFound", lambda w: w.run(KeyName="nobody")),
    ("InvalidParameterValue", lambda w: w.run(PrivateIpAddress="10.0.2.9")),
    ("InvalidParameterValue", lambda w: w.run(PrivateIpAddress="10.0.1.1")),
    ("InvalidIPAddress.InUse", lambda w: w.run(PrivateIpAddress="10.0.1.77")),
    ("InvalidParameterCombination", lambda w: w.run(PrivateIpAddress="10.0.1.78", MaxCount=2)),
    ("InsufficientFreeAddressesInSubnet", lambda w: w.run(MaxCount=300)),
    ("InvalidParameterValue", lambda w: w.run(MinCount=3, MaxCount=2)),
    ("InvalidBlockDeviceMapping", lambda w: w.run(BlockDeviceMappings=_disk(5))),
    ("InvalidBlockDeviceMapping", lambda w: w.run(BlockDeviceMappings=_disk(5, "sdf"))),
    ("InvalidBlockDeviceMapping", lambda w: w.run(BlockDeviceMappings=[*_disk(9), *_disk(9)])),
    ("InvalidParameterValue", lambda w: w.run(UserData="x" * 16385)),
    ("InvalidParameterValue", lambda w: w.run(IamInstanceProfile={"Name": "nobody"})),
    ("InvalidParameterValue", lambda w: w.run(MetadataOptions={"HttpTokens": "sometimes"})),
    ("InvalidParameterValue", lambda w: w.run(InstanceMarketOptions={"MarketType": "cheap"})),
    ("InvalidParameterCombination", lambda w: w.run(NetworkInterfaces=_nic(w))),
    ("InvalidParameterValue", lambda w: w.run(Placement={"AvailabilityZone": w.other_zone})),
    ("TagLimitExceeded", lambda w: w.run(TagSpecifications=_tags(51))),
    ("InvalidParameterValue", lambda w: w.run(TagSpecifications=_tags(1, key="aws:x"))),
    ("InvalidParameterValue", lambda w: w.run(TagSpecifications=_tags(1, key="k" * 128))),
    ("InvalidParameterValue", lambda w: w.run(TagSpecifications=_tags(1, value="v" * 257))),
    ("InvalidParameterValue", lambda w: w.run(TagSpecifications=[{**_tags(1)[0], "ResourceType": "vpc"}])),
    ("DryRunOperation", lambda w: w.run(DryRun=True)),
    ("InvalidInstanceID.NotFound", lambda w: w.ec2.terminate_instances(InstanceIds=["i-00000000"])),
    ("InvalidInstanceID.Malformed", lambda w: w.ec2.describe_instances(InstanceIds=["x"])),
    (
        "InvalidInstanceID.NotFound",
        lambda w: w.ec2.create_tags(Resources=["i-00000000"], Tags=[{"Key": "a", "Value": "b"}]),
    ),
    (
        "IncorrectInstanceState",
        lambda w: w.ec2.modify_instance_attribute(InstanceId=w.instance, InstanceType={"Value": "t3.small"}),
    ),
    ("InvalidInstanceType", lambda w: w.ec2.describe_instance_types(InstanceTypes=["t9.huge"])),
    ("InvalidParameterValue", lambda w: w.ec2.describe_instance_types(MaxResults=101)),
    ("InvalidParameterValue", lambda w: w.ec2.describe_instances(MaxResults=4)),
    ("InvalidParameterValue", lambda w: w.ec2.describe_instances(Filters=[{"Name": "colour", "Values": ["red"]}])),
    ("InvalidParameterValue", lambda w: w.ec2.describe_vpcs(Filters=[{"Name": "colour", "Values": ["red"]}])),
    ("DependencyViolation", lambda w: w.ec2.delete_security_group(GroupId=w.group)),
    ("CannotDelete", lambda w: w.ec2.delete_security_group(GroupId=_default_group(w))),
    ("InvalidGroup.Duplicate", lambda w: w.make_group("world", w.vpc)),
    ("InvalidParameterValue", lambda w: w.make_group("sg-x", w.vpc)),
    ("InvalidVpcID.NotFound", lambda w: w.make_group("x", "vpc-00000000")),
    ("InvalidPermission.Duplicate", lambda w: w.allow(w.group, 22)),
    ("InvalidParameterValue", lambda w: w.ec2.authorize_security_group_ingress(**_permission(w, FromPort=3))),
    (
        "InvalidGroup.NotFound",
        lambda w: w.ec2.authorize_security_group_ingress(
            **_permission(w, IpRanges=[], UserIdGroupPairs=[{"GroupId": w.other_group}])
        ),
    ),
    ("DependencyViolation", lambda w: w.ec2.delete_subnet(SubnetId=w.subnet)),
    ("DependencyViolation", lambda w: w.ec2.delete_vpc(VpcId=w.vpc)),
    ("DependencyViolation", lambda w: w.ec2.delete_vpc(VpcId=w.other)),
    ("InvalidVpc.Range", lambda w: w.ec2.create_vpc(CidrBlock="10.0.0.0/8")),
    ("InvalidSubnet.Range", lambda w: w.make_subnet(w.vpc, "10.9.0.0/24")),
    ("InvalidSubnet.Conflict", lambda w: w.make_subnet(w.vpc, "10.0.1.0/28")),
    ("DependencyViolation", lambda w: w.ec2.detach_internet_gateway(InternetGatewayId=w.gateway, VpcId=w.vpc)),
    ("DependencyViolation", lambda w: w.ec2.delete_internet_gateway(InternetGatewayId=w.gateway)),
    ("InvalidParameterValue", lambda w: w.ec2.attach_internet_gateway(InternetGatewayId=w.gateway, VpcId=w.vpc)),
    ("InvalidIPAddress.InUse", lambda w: w.ec2.release_address(AllocationId=w.address)),
    ("Resource.AlreadyAssociated", lambda w: w.ec2.create_nat_gateway(SubnetId=w.subnet, AllocationId=w.address)),
    ("MissingParameter", lambda w: w.ec2.create_nat_gateway(SubnetId=w.subnet)),
    ("NatGatewayNotFound", lambda w: w.ec2.delete_nat_gateway(NatGatewayId="nat-00000000")),
    ("VolumeInUse", lambda w: w.ec2.delete_volume(VolumeId=w.used)),
    ("VolumeInUse", lambda w: w.ec2.attach_volume(VolumeId=w.used, InstanceId=w.instance, Device="/dev/sdg")),
    (
        "InvalidVolume.ZoneMismatch",
        lambda w: w.ec2.attach_volume(VolumeId=w.far, InstanceId=w.instance, Device="/dev/sdg"),
    ),
    (
        "InvalidParameterValue",
        lambda w: w.ec2.attach_volume(VolumeId=w.volume, InstanceId=w.instance, Device="/dev/sdf"),
    ),
    ("InvalidParameterValue", lambda w: w.ec2.attach_volume(VolumeId=w.volume, InstanceId=w.instance, Device="disk")),
    ("IncorrectState", lambda w: w.ec2.detach_volume(VolumeId=w.volume)),
    ("InvalidVolume.NotFound", lambda w: w.ec2.delete_volume(VolumeId="vol-00000000")),
    ("InvalidZone.NotFound", lambda w: w.make_volume("mars-1a")),
    ("InvalidParameterValue", lambda w: w.ec2.create_volume(Size=0, AvailabilityZone="us-east-1a")),
    ("InvalidKeyPair.Duplicate", lambda w: w.ec2.import_key_pair(KeyName="world", PublicKeyMaterial=KEY)),
    ("AuthFailure", lambda w: w.ec2.deregister_image(ImageId=w.amd)),
    ("InvalidAMIName.Malformed", lambda w: w.ec2.create_image(InstanceId=w.instance, Name="x:y:z")),
]


def _default_group(world: World) -> str:
    filters = [{"Name": "vpc-id", "Values": [world.vpc]}, {"Name": "group-name", "Values": ["default"]}]
    return str(world.ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]["GroupId"])


def test_each_refusal_has_the_code_of_aws_and_changes_nothing(world: World) -> None:
    before = world.lab.describe()
    wrong = []
    for number, (code, action) in enumerate(REFUSALS):
        try:
            action(world)
            wrong.append(f"{number}: {code} expected, nothing was refused")
        except ClientError as error:
            if error.response["Error"]["Code"] != code:
                wrong.append(f"{number}: {code} expected, not {error}")
    assert wrong == []
    assert world.lab.describe() == before


def test_an_address_cannot_be_given_to_an_instance_that_is_pending(world: World) -> None:
    world.lab.settings(pending_seconds=60)
    instance = world.run()["Instances"][0]["InstanceId"]
    spare = world.ec2.allocate_address(Domain="vpc")["AllocationId"]
    with pytest.raises(ClientError, match="InvalidInstanceID"):
        world.ec2.associate_address(AllocationId=spare, InstanceId=instance)
    with pytest.raises(ClientError, match="IncorrectInstanceState"):
        world.ec2.stop_instances(InstanceIds=[instance])
    world.ec2.release_address(AllocationId=spare)
    world.lab.settings(pending_seconds=0)
    world.ec2.terminate_instances(InstanceIds=[instance])
    world.wait(instance, "terminated")


def test_the_same_token_makes_no_twin(world: World) -> None:
    world.lab.settings(pending_seconds=0)
    first = world.run(ClientToken="token-1", MaxCount=2)
    again = world.run(ClientToken="token-1", MaxCount=2)
    assert [item["InstanceId"] for item in first["Instances"]] == [item["InstanceId"] for item in again["Instances"]]
    with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
        world.run(ClientToken="token-1", MaxCount=1, MinCount=1)
    ids = [item["InstanceId"] for item in first["Instances"]]
    world.ec2.terminate_instances(InstanceIds=ids)
    for instance in ids:
        world.wait(instance, "terminated")


def test_what_was_asked_for_is_told(world: World) -> None:
    world.lab.settings(pending_seconds=0)
    done = world.run(
        MetadataOptions={"HttpTokens": "required"},
        InstanceMarketOptions={"MarketType": "spot"},
        UserData="#!/bin/sh\ntrue\n",
        BlockDeviceMappings=[{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 3, "Encrypted": True}}],
        TagSpecifications=[
            {"ResourceType": kind, "Tags": [{"Key": "kind", "Value": kind}]}
            for kind in ("instance", "volume", "network-interface")
        ],
    )["Instances"][0]
    found = world.ec2.describe_instances(InstanceIds=[done["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert (found["InstanceLifecycle"], found["MetadataOptions"]["HttpTokens"]) == ("spot", "required")
    assert [item["GroupId"] for item in found["SecurityGroups"]] == [world.group]
    assert found["Tags"] == [{"Key": "kind", "Value": "instance"}]
    filters = [{"Name": "attachment.instance-id", "Values": [done["InstanceId"]]}]
    volumes = world.ec2.describe_volumes(Filters=filters)["Volumes"]
    assert sorted((item["Size"], item["Encrypted"], item["Tags"][0]["Value"]) for item in volumes) == [
        (3, True, "volume"),
        (8, False, "volume"),
    ]
    tagged = world.ec2.describe_network_interfaces(Filters=[{"Name": "tag:kind", "Values": ["network-interface"]}])
    assert len(tagged["NetworkInterfaces"]) == 1
    answer = world.ec2.describe_instance_attribute(InstanceId=done["InstanceId"], Attribute="userData")
    assert base64.b64decode(answer["UserData"]["Value"]) == b"#!/bin/sh\ntrue\n"
    world.ec2.terminate_instances(InstanceIds=[done["InstanceId"]])
    world.wait(done["InstanceId"], "terminated")
    assert world.ec2.describe_network_interfaces(Filters=tagged_filter())["NetworkInterfaces"] == []
    left = world.ec2.describe_volumes(Filters=[{"Name": "tag:kind", "Values": ["volume"]}])["Volumes"]
    assert [(item["Size"], item["State"]) for item in left] == [(3, "available")]
    world.ec2.delete_volume(VolumeId=left[0]["VolumeId"])


def tagged_filter() -> list[dict[str, Any]]:
    return [{"Name": "tag:kind", "Values": ["network-interface"]}]


def test_instance_types_come_page_by_page_with_their_real_attributes(world: World) -> None:
    pages = list(world.ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 100}))
    found = {item["InstanceType"]: item for page in pages for item in page["InstanceTypes"]}
    assert len(pages) > 5
    assert found["t3.micro"]["MemoryInfo"]["SizeInMiB"] == 1024
    assert found["t3.micro"]["VCpuInfo"]["DefaultVCpus"] == 2
    assert found["t4g.micro"]["ProcessorInfo"]["SupportedArchitectures"] == ["arm64"]
    assert found["g4dn.xlarge"]["GpuInfo"]["Gpus"][0]["Count"] == 1


def test_images_are_found_by_owner_and_name(world: World) -> None:
    filters = [
        {"Name": "name", "Values": ["ubuntu/images/hvm-ssd*/ubuntu-*-24.04-amd64-server-*"]},
        {"Name": "architecture", "Values": ["x86_64"]},
        {"Name": "root-device-type", "Values": ["ebs"]},
        {"Name": "state", "Values": ["available"]},
    ]
    found = world.ec2.describe_images(Owners=["099720109477"], Filters=filters)["Images"]
    names = sorted(item["Name"] for item in found)
    assert "ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20250610" in names
    assert len({item["CreationDate"] for item in found}) == len(found) == 3
    assert world.ec2.describe_images(Owners=["self"])["Images"] == []


def test_route53_refuses_bad_changes(world: World) -> None:
    dns = world.lab.client("route53")
    zone = dns.create_hosted_zone(Name="lab.test", CallerReference="1")["HostedZone"]["Id"]
    record = {"Name": "a.lab.test", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}

    def change(action: str, **more: Any) -> None:
        changes = [{"Action": action, "ResourceRecordSet": {**record, **more}}]
        dns.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    for action, more in (("CREATE", {"ResourceRecords": [{"Value": "here"}]}), ("DELETE", {})):
        with pytest.raises(ClientError, match="InvalidChangeBatch"):
            change(action, **more)
    change("CREATE")
    with pytest.raises(ClientError, match="InvalidChangeBatch"):
        change("CREATE")
    with pytest.raises(ClientError, match="HostedZoneNotEmpty"):
        dns.delete_hosted_zone(Id=zone)
    change("DELETE")
    dns.delete_hosted_zone(Id=zone)

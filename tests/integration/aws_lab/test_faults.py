# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults strike as they are told, calls are counted, and what is made anew is the same as before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from lab.aws.client import Lab, LabError

pytestmark = pytest.mark.integration
ONCE = Config(retries={"total_max_attempts": 1})
LOST = (ConnectionClosedError, EndpointConnectionError)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(hosts=False, state=tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(started: Lab) -> Lab:
    started.clear_faults()
    started.forget_calls()
    started.settings(pending_seconds=0)
    return started


@pytest.fixture(scope="module")
def image(started: Lab) -> str:
    filters = [{"Name": "name", "Values": ["debian-12-amd64-*"]}]
    return str(started.client("ec2").describe_images(Filters=filters)["Images"][0]["ImageId"])


def _run(ec2: Any, image: str, **more: Any) -> Any:
    return ec2.run_instances(ImageId=image, InstanceType="t3.micro", MinCount=1, MaxCount=1, **more)


def _count(lab: Lab) -> int:
    return len(lab.describe()["instances"])


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("throttle", "RequestLimitExceeded"),
        ("error500", "InternalError"),
        ("error503", "Unavailable"),
        ("denied", "UnauthorizedOperation"),
        ("capacity", "InsufficientInstanceCapacity"),
        ("quota", "VcpuLimitExceeded"),
    ],
)
def test_a_fault_answers_with_its_code_and_makes_nothing(lab: Lab, image: str, kind: str, code: str) -> None:
    ec2 = lab.client("ec2", config=ONCE)
    before = _count(lab)
    lab.add_fault(kind, "RunInstances")
    with pytest.raises(ClientError) as caught:
        _run(ec2, image)
    assert caught.value.response["Error"]["Code"] == code
    assert (lab.struck(), _count(lab)) == (1, before)
    _run(ec2, image)
    assert (lab.struck(), _count(lab)) == (1, before + 1)


def test_a_lost_answer_is_carried_out_and_a_lost_request_is_not(lab: Lab, image: str) -> None:
    ec2 = lab.client("ec2", config=ONCE)
    before = _count(lab)
    lab.add_fault("lost_request", "RunInstances")
    with pytest.raises(LOST):
        _run(ec2, image)
    assert _count(lab) == before
    lab.add_fault("lost_answer", "RunInstances")
    with pytest.raises(LOST):
        _run(ec2, image, ClientToken="one")
    assert _count(lab) == before + 1
    _run(ec2, image, ClientToken="one")
    assert _count(lab) == before + 1


@pytest.mark.parametrize("kind", ["throttle", "error500", "error503", "lost_answer", "lost_request"])
def test_a_client_that_tries_again_makes_no_twin(lab: Lab, image: str, kind: str) -> None:
    before = _count(lab)
    lab.add_fault(kind, "RunInstances", count=2)
    _run(lab.client("ec2"), image)
    assert (lab.struck(), _count(lab)) == (2, before + 1)
    assert lab.calls() == ["ec2:RunInstances"] * 3


def test_the_nth_call_is_struck_and_always_means_always(lab: Lab) -> None:
    ec2 = lab.client("ec2", config=ONCE)
    lab.add_fault("denied", "DescribeVpcs", nth=3)
    results = []
    for _number in range(4):
        try:
            ec2.describe_vpcs()
            results.append(True)
        except ClientError:
            results.append(False)
    assert results == [True, True, False, True]
    lab.add_fault("denied", count=-1)
    for call in (ec2.describe_vpcs, ec2.describe_subnets, lab.client("iam", config=ONCE).list_roles):
        with pytest.raises(ClientError, match=r"UnauthorizedOperation|AccessDenied"):
            call()
    lab.clear_faults()
    ec2.describe_vpcs()
    assert lab.struck() == 0


def test_faults_speak_the_language_of_each_service(lab: Lab) -> None:
    calls = {
        "s3": ("list_buckets", {}, "SlowDown"),
        "route53": ("list_hosted_zones", {}, "Throttling"),
        "iam": ("list_roles", {}, "Throttling"),
        "sts": ("get_caller_identity", {}, "Throttling"),
        "lambda": ("list_functions", {}, "TooManyRequestsException"),
        "logs": ("describe_log_groups", {}, "ThrottlingException"),
    }
    lab.forget_calls()
    for service, (method, options, code) in calls.items():
        lab.add_fault("throttle")
        with pytest.raises(ClientError) as caught:
            getattr(lab.client(service, config=ONCE), method)(**options)
        assert caught.value.response["Error"]["Code"] == code
    assert lab.calls() == [
        "s3:ListBuckets",
        "route53:ListHostedZones",
        "iam:ListRoles",
        "sts:GetCallerIdentity",
        "lambda:ListFunctions",
        "logs:DescribeLogGroups",
    ]


def test_an_unknown_fault_or_setting_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="there is no fault"):
        lab.add_fault("rain")
    with pytest.raises(LabError, match="there is no setting"):
        lab.settings(colour="red")


def test_what_is_made_and_removed_leaves_the_account_as_it_was(lab: Lab, image: str) -> None:
    ec2, s3 = lab.client("ec2"), lab.client("s3")
    before = lab.describe()
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    instance = _run(ec2, image, SubnetId=subnet, SecurityGroupIds=[group])["Instances"][0]["InstanceId"]
    elsewhere = lab.client("ec2", region="eu-west-1")
    far = elsewhere.create_key_pair(KeyName="far")["KeyPairId"]
    s3.create_bucket(Bucket="lab-bucket")
    during = lab.describe()
    for kind in ("instances", "volumes", "vpcs", "subnets", "network_interfaces", "buckets"):
        assert len(during[kind]) == len(before[kind]) + 1, kind
    assert [item["region"] for item in during["key_pairs"]] == ["eu-west-1"]
    s3.delete_bucket(Bucket="lab-bucket")
    elsewhere.delete_key_pair(KeyPairId=far)
    ec2.terminate_instances(InstanceIds=[instance])
    end = time.monotonic() + 60
    while len(lab.describe()["instances"]) > len(before["instances"]) and time.monotonic() < end:
        time.sleep(0.1)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)
    assert lab.describe() == before
    lab.reset()
    assert [kind for kind in ("instances", "volumes", "buckets") if lab.describe()[kind]] == []


def test_everything_is_tagged_when_it_is_made(lab: Lab, image: str) -> None:
    ec2 = lab.client("ec2")

    def tags(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": [{"Key": "im", "Value": kind}]}]

    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=tags("subnet"))["Subnet"]
    ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc, TagSpecifications=tags("security-group"))
    gateway = ec2.create_internet_gateway(TagSpecifications=tags("internet-gateway"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    ec2.create_route_table(VpcId=vpc, TagSpecifications=tags("route-table"))
    ec2.create_key_pair(KeyName="k", TagSpecifications=tags("key-pair"))
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tags("elastic-ip"))["AllocationId"]
    ec2.create_nat_gateway(SubnetId=subnet["SubnetId"], AllocationId=address, TagSpecifications=tags("natgateway"))
    volume = ec2.create_volume(Size=1, AvailabilityZone="us-east-1a", TagSpecifications=tags("volume"))["VolumeId"]
    ec2.create_snapshot(VolumeId=volume, TagSpecifications=tags("snapshot"))
    ec2.create_network_interface(SubnetId=subnet["SubnetId"], TagSpecifications=tags("network-interface"))
    instance = _run(ec2, image, TagSpecifications=tags("instance"))["Instances"][0]["InstanceId"]
    lab.describe()
    ec2.create_image(InstanceId=instance, Name="mine", TagSpecifications=[*tags("image"), *tags("snapshot")])
    found = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["im"]}])["Tags"]
    counted = sorted(item["Value"] for item in found)
    assert counted == sorted(
        "vpc subnet security-group internet-gateway route-table key-pair elastic-ip natgateway volume snapshot"
        " network-interface instance image snapshot".split()
    )
    assert sorted(item["ResourceType"] for item in found) == counted


def test_only_the_known_key_is_let_in(lab: Lab) -> None:
    lab.settings(access_key="AKIDKNOWN")
    try:
        with pytest.raises(ClientError) as refused:
            lab.client("ec2", config=ONCE).describe_vpcs()
    finally:
        lab.settings(access_key="")
    assert refused.value.response["Error"]["Code"] == "AuthFailure"
    assert lab.client("ec2", config=ONCE).describe_vpcs()["Vpcs"]

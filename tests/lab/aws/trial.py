# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests on real hosts need again and again: a VPC with a public subnet and a key, SSH, and waiting."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .client import Lab

SECONDS = 120
ANYWHERE = [{"CidrIp": "0.0.0.0/0"}]


def wait_for(so: Callable[[], Any], what: str) -> Any:
    """Wait until `so` returns something true, and return it; raises AssertionError."""
    end = time.monotonic() + SECONDS
    while True:
        value = so()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come about within {SECONDS} s"
        time.sleep(0.3)


class Login:
    """Reaches hosts by SSH with a key, as the user that their image has."""

    def __init__(self, key: Path, user: str) -> None:
        self.key, self.user = key, user

    def ssh(self, address: str, command: str, user: str = "", jump: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command on a host."""
        options = ["-i", str(self.key), "-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
        options += ["-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=3"]
        if jump:
            options += ["-o", f"ProxyCommand=ssh {' '.join(options)} -W %h:%p {self.user}@{jump}"]
        words = ["ssh", *options, f"{user or self.user}@{address}", command]
        return subprocess.run(words, text=True, capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL)

    def ask(self, address: str, command: str, user: str = "", jump: str = "") -> str:
        """Run a command on a host once it answers; return what it prints."""
        wait_for(lambda: self.ssh(address, "true", user, jump).returncode == 0, f"SSH to {address}")
        done = self.ssh(address, command, user, jump)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def is_closed(self, address: str) -> bool:
        """Return whether SSH finds nobody there."""
        return self.ssh(address, "true").returncode == 255


class Cloud(Login):
    """A lab with a VPC, a public subnet and a key."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        super().__init__(folder / "key", "admin")
        self.lab, self.ec2 = lab, lab.client("ec2")
        self.key.write_text(self.ec2.create_key_pair(KeyName="hosts", KeyType="ed25519")["KeyMaterial"])
        self.key.chmod(0o600)
        filters = [{"Name": "name", "Values": ["debian-12-amd64-*"]}]
        self.image = self.ec2.describe_images(Owners=["136693071363"], Filters=filters)["Images"][0]["ImageId"]
        self.vpc, self.subnet = self.make_vpc()
        self.group = self.make_group("open", self.vpc)
        self.allow(self.group, 22, IpRanges=ANYWHERE)

    def make_vpc(self) -> tuple[str, str]:
        """Make a VPC with a public subnet; return both."""
        vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(VpcId=vpc, InternetGatewayId=gateway)
        filters = [{"Name": "vpc-id", "Values": [vpc]}]
        table = self.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        subnet = self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        self.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
        return vpc, subnet

    def make_group(self, name: str, vpc: str) -> str:
        """Make a security group."""
        return str(self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])

    def allow(self, group: str, port: int, **sources: Any) -> None:
        """Open a TCP port of a group."""
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **sources}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])

    def deny(self, group: str, port: int, **sources: Any) -> None:
        """Close a TCP port of a group."""
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **sources}
        self.ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])

    def run(self, **changes: Any) -> list[str]:
        """Run instances in the public subnet; return their ids."""
        options = {
            "ImageId": self.image,
            "InstanceType": "t3.micro",
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": self.subnet,
            "SecurityGroupIds": [self.group],
            "KeyName": "hosts",
            **changes,
        }
        return [item["InstanceId"] for item in self.ec2.run_instances(**options)["Instances"]]

    def find(self, instance: str) -> dict[str, Any]:
        """Return what the API tells of an instance."""
        found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
        return dict(found)

    def wait(self, instance: str, state: str) -> dict[str, Any]:
        """Wait for a state of an instance; return what the API tells of it then."""
        wait_for(lambda: self.find(instance)["State"]["Name"] == state, f"{instance} {state}")
        return self.find(instance)

    def end(self, *instances: str) -> None:
        """Terminate instances and wait for it."""
        self.ec2.terminate_instances(InstanceIds=list(instances))
        for instance in instances:
            self.wait(instance, "terminated")

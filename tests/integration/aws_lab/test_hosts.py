# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances are hosts: reached by SSH, guarded by security groups, with volumes that keep what is on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.aws.client import Lab
from lab.aws.trial import ANYWHERE, Cloud, wait_for

pytestmark = pytest.mark.integration
TESTS = Path(__file__).resolve().parents[2]


def run(*words: str) -> str:
    return subprocess.run(words, text=True, capture_output=True, check=False, timeout=60).stdout


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder = tmp_path_factory.mktemp("lab")
    with Lab.start(hosts=True, state=folder / "state") as lab:
        lab.settings(pending_seconds=0.2)
        yield Cloud(lab, folder)


def test_a_public_host_is_reached_with_its_key_and_has_done_its_user_data(cloud: Cloud) -> None:
    config = (
        "#cloud-config\nwrite_files:\n  - path: /etc/told\n    content: yes indeed\nruncmd:\n  - [touch, /etc/ran]\n"
    )
    (instance,) = cloud.run(UserData=config)
    found = cloud.wait(instance, "running")
    address = found["PublicIpAddress"]
    assert cloud.ask(address, "hostname -I") == found["PrivateIpAddress"]
    wait_for(lambda: cloud.ssh(address, "test -e /etc/ran && cat /etc/told").stdout == "yes indeed", "user data")
    assert cloud.ssh(address, "true", user="root").returncode != 0
    cloud.end(instance)
    assert instance not in run("podman", "ps", "-a", "--format", "{{.Names}}")
    assert instance not in run("ip", "netns", "list")


def test_security_groups_open_and_close_ports(cloud: Cloud) -> None:
    inner = cloud.make_group("inner", cloud.vpc)
    first, second = cloud.run(MaxCount=2, MinCount=2)
    (third,) = cloud.run(SecurityGroupIds=[inner])
    outside = cloud.wait(first, "running")["PublicIpAddress"]
    other, guarded = cloud.wait(second, "running"), cloud.wait(third, "running")
    cloud.ask(outside, "true")
    cloud.ask(other["PublicIpAddress"], "true")
    reach = f"timeout 2 bash -c 'echo > /dev/tcp/{guarded['PrivateIpAddress']}/22' && echo reached"
    assert "reached" not in cloud.ssh(outside, reach).stdout
    cloud.allow(inner, 22, UserIdGroupPairs=[{"GroupId": cloud.group}])
    wait_for(lambda: "reached" in cloud.ssh(outside, reach).stdout, "the way between groups")
    assert cloud.is_closed(guarded["PublicIpAddress"])
    cloud.deny(cloud.group, 22, IpRanges=ANYWHERE)
    wait_for(lambda: cloud.is_closed(outside), "the closed port")
    me = [{"CidrIp": f"{cloud.lab.machine}/32"}]
    cloud.allow(cloud.group, 22, IpRanges=me)
    cloud.ask(outside, "true")
    cloud.deny(cloud.group, 22, IpRanges=me)
    cloud.allow(cloud.group, 22, IpRanges=ANYWHERE)
    cloud.end(first, second, third)
    cloud.ec2.delete_security_group(GroupId=inner)


def test_a_private_host_is_reached_through_a_public_one_and_goes_out_by_nat(cloud: Cloud) -> None:
    private = cloud.ec2.create_subnet(VpcId=cloud.vpc, CidrBlock="10.0.2.0/24")["Subnet"]["SubnetId"]
    table = cloud.ec2.create_route_table(VpcId=cloud.vpc)["RouteTable"]["RouteTableId"]
    cloud.ec2.associate_route_table(RouteTableId=table, SubnetId=private)
    (front,), (back,) = cloud.run(), cloud.run(SubnetId=private)
    outside, inside = cloud.wait(front, "running")["PublicIpAddress"], cloud.wait(back, "running")
    address = inside["PrivateIpAddress"]
    assert "PublicIpAddress" not in inside
    assert cloud.ask(address, "hostname -I", jump=outside) == address
    # A host of another VPC at the same private address is another host.
    other_vpc, other_subnet = cloud.make_vpc()
    other_group = cloud.make_group("other", other_vpc)
    cloud.allow(other_group, 22, IpRanges=ANYWHERE)
    (twin,) = cloud.run(
        SubnetId=other_subnet,
        SecurityGroupIds=[other_group],
        PrivateIpAddress=cloud.find(front)["PrivateIpAddress"],
    )
    far = cloud.wait(twin, "running")["PublicIpAddress"]
    cloud.ask(far, "true")
    assert cloud.ask(far, "cat /etc/lab-instance") == twin
    # Without a NAT gateway it reaches nothing outside; with one it does.
    reach = f"timeout 2 bash -c 'echo > /dev/tcp/{far}/22' && echo reached"
    assert "reached" not in cloud.ssh(address, reach, jump=outside).stdout
    allocation = cloud.ec2.allocate_address(Domain="vpc")["AllocationId"]
    answer = cloud.ec2.create_nat_gateway(SubnetId=cloud.subnet, AllocationId=allocation)
    gateway = answer["NatGateway"]["NatGatewayId"]
    cloud.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
    wait_for(lambda: "reached" in cloud.ssh(address, reach, jump=outside).stdout, "the way out by NAT")
    cloud.end(front, back, twin)
    cloud.ec2.delete_nat_gateway(NatGatewayId=gateway)


def test_a_volume_keeps_its_data_when_its_host_stops_and_when_it_moves(cloud: Cloud) -> None:
    disk = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1, "DeleteOnTermination": True}}
    (instance,) = cloud.run(BlockDeviceMappings=[disk])
    before = cloud.wait(instance, "running")
    volume = next(item["Ebs"]["VolumeId"] for item in before["BlockDeviceMappings"] if item["DeviceName"] == "/dev/sdf")
    link = f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume.replace('-', '')}"
    entry = "echo '/dev/sdf /data ext4 nofail 0 2' | sudo tee -a /etc/fstab"
    make = f"sudo mkfs.ext4 -q /dev/sdf && sudo mkdir /data && {entry}"
    cloud.ask(before["PublicIpAddress"], f"{make} && sudo mount /data && echo kept | sudo tee /data/file && ls {link}")
    cloud.ec2.stop_instances(InstanceIds=[instance])
    assert "PublicIpAddress" not in cloud.wait(instance, "stopped")
    assert cloud.is_closed(before["PublicIpAddress"])
    snapshot = cloud.ec2.create_snapshot(VolumeId=volume)["SnapshotId"]

    def complete() -> bool:
        return bool(cloud.ec2.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"][0]["State"] == "completed")

    wait_for(complete, "the snapshot")
    cloud.ec2.start_instances(InstanceIds=[instance])
    after = cloud.wait(instance, "running")
    assert after["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert after["PublicIpAddress"] != before["PublicIpAddress"]
    assert cloud.ask(after["PublicIpAddress"], "cat /data/file; findmnt -n -o FSTYPE /data") == "kept\next4"
    boot = "cat /proc/1/stat | cut -d' ' -f22"
    started = cloud.ask(after["PublicIpAddress"], boot)
    cloud.ec2.reboot_instances(InstanceIds=[instance])

    def rebooted() -> bool:
        return bool(cloud.ssh(after["PublicIpAddress"], boot).stdout.strip() not in ("", started))

    wait_for(rebooted, "the reboot")
    assert cloud.ask(after["PublicIpAddress"], "cat /data/file") == "kept"
    cloud.ask(after["PublicIpAddress"], "sudo umount /data")
    cloud.ec2.detach_volume(VolumeId=volume)

    def gone() -> bool:
        return bool(cloud.ssh(after["PublicIpAddress"], "test ! -e /dev/sdf").returncode == 0)

    wait_for(gone, "the detachment")
    (other,) = cloud.run()
    address = cloud.wait(other, "running")["PublicIpAddress"]
    cloud.ec2.attach_volume(VolumeId=volume, InstanceId=other, Device="/dev/sdh")
    wait_for(lambda: cloud.ssh(address, "test -b /dev/sdh").returncode == 0, "the attachment")
    assert cloud.ask(address, "sudo mount /dev/sdh /mnt && cat /mnt/file") == "kept"
    zone = after["Placement"]["AvailabilityZone"]
    copy = cloud.ec2.create_volume(SnapshotId=snapshot, AvailabilityZone=zone, Size=2)["VolumeId"]

    def made() -> bool:
        return bool(cloud.ec2.describe_volumes(VolumeIds=[copy])["Volumes"][0]["State"] == "available")

    wait_for(made, "the copy")
    cloud.ec2.attach_volume(VolumeId=copy, InstanceId=other, Device="/dev/sdi")
    wait_for(lambda: cloud.ssh(address, "test -b /dev/sdi").returncode == 0, "the attachment of the copy")
    size = "sudo blockdev --getsize64 /dev/sdi"
    assert (
        cloud.ask(address, f"sudo umount /mnt; sudo mount /dev/sdi /mnt && cat /mnt/file; {size}") == f"kept\n{2**31}"
    )
    cloud.ec2.modify_volume(VolumeId=copy, Size=3)
    wait_for(lambda: cloud.ssh(address, size).stdout.strip() == str(3 * 2**30), "the growth")
    cloud.end(instance, other)
    for name in (volume, copy):
        cloud.ec2.delete_volume(VolumeId=name)
    cloud.ec2.delete_snapshot(SnapshotId=snapshot)
    wait_for(lambda: volume not in run("losetup", "-a"), "the end of the device")


def test_an_elastic_address_leads_to_its_host_and_stays(cloud: Cloud) -> None:
    (instance,) = cloud.run()
    cloud.wait(instance, "running")
    made = cloud.ec2.allocate_address(Domain="vpc")
    cloud.ec2.associate_address(AllocationId=made["AllocationId"], InstanceId=instance)
    assert cloud.ask(made["PublicIp"], "cat /etc/lab-instance") == instance
    cloud.ec2.stop_instances(InstanceIds=[instance])
    cloud.wait(instance, "stopped")
    cloud.ec2.start_instances(InstanceIds=[instance])
    assert cloud.wait(instance, "running")["PublicIpAddress"] == made["PublicIp"]
    assert cloud.ask(made["PublicIp"], "cat /etc/lab-instance") == instance
    cloud.end(instance)
    cloud.ec2.release_address(AllocationId=made["AllocationId"])


def test_an_image_of_an_instance_has_its_files(cloud: Cloud) -> None:
    (instance,) = cloud.run()
    address = cloud.wait(instance, "running")["PublicIpAddress"]
    cloud.ask(address, "sudo touch /etc/mine")
    image = cloud.ec2.create_image(InstanceId=instance, Name="mine")["ImageId"]

    def available() -> bool:
        return bool(cloud.ec2.describe_images(ImageIds=[image])["Images"][0]["State"] == "available")

    wait_for(available, "the image")
    (copy,) = cloud.run(ImageId=image)
    assert cloud.ask(cloud.wait(copy, "running")["PublicIpAddress"], "ls /etc/mine; cat /etc/lab-instance").endswith(
        copy
    )
    cloud.end(instance, copy)
    cloud.ec2.deregister_image(ImageId=image)


def test_a_host_that_shuts_itself_down_is_stopped(cloud: Cloud) -> None:
    (instance,) = cloud.run()
    address = cloud.wait(instance, "running")["PublicIpAddress"]
    cloud.ask(address, "true")
    cloud.ssh(address, "sudo systemctl poweroff")
    cloud.wait(instance, "stopped")
    cloud.end(instance)


def test_without_boot_an_instance_runs_but_cannot_be_reached(cloud: Cloud) -> None:
    cloud.lab.settings(boot=False)
    (instance,) = cloud.run()
    assert cloud.is_closed(cloud.wait(instance, "running")["PublicIpAddress"])
    cloud.lab.settings(boot=True, boot_seconds=5)
    (slow,) = cloud.run()
    assert cloud.is_closed(cloud.wait(slow, "running")["PublicIpAddress"])
    cloud.lab.settings(boot_seconds=0)
    cloud.ask(cloud.find(instance)["PublicIpAddress"], "true")
    cloud.ask(cloud.find(slow)["PublicIpAddress"], "true")
    cloud.end(instance, slow)


def test_reset_and_end_leave_nothing_even_when_killed(cloud: Cloud, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lab.aws", "serve", "--state", str(tmp_path / "killed")]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    announced = process.stdout.readline()
    lab = Lab(process, json.loads(announced), tmp_path / "killed")
    other = Cloud(lab, tmp_path)
    disk = {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}
    (instance,) = other.run(BlockDeviceMappings=[disk])
    other.ask(other.wait(instance, "running")["PublicIpAddress"], "true")
    process.kill()
    process.wait(60)
    assert instance in run("podman", "ps", "-a", "--format", "{{.Names}}")
    with Lab.start(hosts=True, state=tmp_path / "next") as following:
        assert instance not in run("podman", "ps", "-a", "--format", "{{.Names}}")
        assert instance not in run("ip", "netns", "list")
        assert str(tmp_path) not in run("losetup", "-a")
        again = Cloud(following, tmp_path)
        (instance,) = again.run(BlockDeviceMappings=[disk])
        again.wait(instance, "running")
        following.reset()
        assert instance not in run("podman", "ps", "-a", "--format", "{{.Names}}")
        assert instance not in run("ip", "netns", "list")
        assert str(tmp_path) not in run("losetup", "-a")
        empty = following.describe()
        assert [kind for kind in ("instances", "volumes", "key_pairs") if empty[kind]] == []

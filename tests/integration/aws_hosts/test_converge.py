"""Hosts on EC2 come, change and go as wanted, and the plan says so before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import (
    Group,
    HostsError,
    Network,
    Port,
    Slot,
    Volume,
)

from .conftest import FRONT, GIB, KEY, NAME, WORKERS, World

pytestmark = pytest.mark.integration


def test_a_plan_on_an_empty_account_is_what_is_done(world: World) -> None:
    planned = world.deploy(check=True)
    assert not world.left()
    done = world.deploy()
    assert planned.changed
    assert sorted(planned.after) == sorted(done.after)
    assert planned.created == done.created == [f"{NAME}-front-0", f"{NAME}-wn-1", f"{NAME}-wn-2"]
    assert [item["state"] for item in planned.instances] == ["planned"] * 3


def test_hosts_bear_what_the_contract_says(world: World) -> None:
    front, worker, _other = world.deploy().instances
    assert front["public_ip"]
    assert front["fqdn"] == "server.localdomain"
    assert front["user"] == "admin"
    assert front["jump"] is None
    assert front["fresh"] is True
    assert front["memory"] >= GIB
    [disk] = front["disks"]
    assert disk["mount"] == "/mnt/data"
    assert "/dev/sdf" in disk["paths"]
    assert worker["public_ip"] is None
    assert worker["jump"] == front["name"]
    assert worker["hostname"] == "vnode-1"


def test_the_second_run_changes_and_calls_nothing(world: World) -> None:
    world.deploy()
    calls = world.calls_of(lambda: _unchanged(world))
    assert all(call.startswith("ec2:Describe") for call in calls)
    assert len(calls) <= 13


def _unchanged(world: World) -> None:
    again = world.deploy()
    assert not again.changed
    assert again.created == again.deleted == again.started == []
    assert not any(item["fresh"] for item in again.instances)


def test_a_plan_is_exact_when_part_exists(world: World) -> None:
    world.deploy()
    planned, done = world.workers(4, check=True), world.workers(4)
    assert planned.created == done.created == [f"{NAME}-wn-3", f"{NAME}-wn-4"]
    assert sorted(planned.before) == sorted(done.before)
    assert sorted(planned.after) == sorted(done.after)


def test_calls_do_not_grow_with_the_number_of_hosts(world: World) -> None:
    few = world.calls_of(lambda: world.workers(2))
    world.destroy()
    many = world.calls_of(lambda: world.workers(40))
    steady = ("ec2:CreateTags", "ec2:DescribeInstances", "ec2:DescribeNatGateways")  # the last two are waited with
    assert sorted(call for call in few if call not in steady) == sorted(call for call in many if call not in steady)
    assert many.count("ec2:RunInstances") == 2
    gone = world.calls_of(world.destroy)
    assert gone.count("ec2:TerminateInstances") == 1
    assert "ec2:DeleteVolume" not in gone


def test_scale_in_and_never_the_same_number(world: World) -> None:
    world.workers(4)
    kept = world.workers(1, purge=False)
    assert not kept.changed
    assert [item["id"] for item in kept.surplus] == [2, 3, 4]
    gone = world.workers(1)
    assert gone.deleted == [f"{NAME}-wn-2", f"{NAME}-wn-3", f"{NAME}-wn-4"]
    assert [item["id"] for item in world.workers(2).instances] == [0, 1, 5]


def test_the_highest_number_is_remembered_when_all_workers_are_gone(world: World) -> None:
    world.workers(3)
    world.workers(0)
    assert [item["id"] for item in world.workers(1).instances] == [0, 4]


def test_a_named_host_goes(world: World) -> None:
    world.workers(3)
    done = world.deploy(groups=(FRONT, replace(WORKERS, count=2, remove=(1,))))
    assert done.deleted == [f"{NAME}-wn-1"]


def test_an_exact_list(world: World) -> None:
    done = world.deploy(wanted=(Slot(0, "front"), Slot(7, "wn")))
    assert [item["name"] for item in done.instances] == [f"{NAME}-front-0", f"{NAME}-wn-7"]
    assert not world.deploy(wanted=(Slot(0, "front"), Slot(7, "wn"))).changed


def test_a_host_that_somebody_terminated_is_made_again(world: World) -> None:
    wanted = (Slot(0, "front"), Slot(1, "wn"))
    done = world.deploy(wanted=wanted)
    world.lab.client("ec2").terminate_instances(InstanceIds=[done.instances[1]["cloud_id"]])
    again = world.deploy(wanted=wanted)
    assert again.created == [f"{NAME}-wn-1"]
    assert again.instances[1]["cloud_id"] != done.instances[1]["cloud_id"]


def test_stop_and_start(world: World) -> None:
    world.deploy()
    assert world.stop().stopped == [f"{NAME}-front-0", f"{NAME}-wn-1", f"{NAME}-wn-2"]
    assert not world.stop().changed
    assert world.start("server").started == [f"{NAME}-front-0"]
    assert world.deploy().started == [f"{NAME}-wn-1", f"{NAME}-wn-2"]
    assert not world.deploy().changed


def test_a_host_that_is_not_there_is_refused(world: World) -> None:
    world.deploy()
    with pytest.raises(HostsError, match=f"no host nobody.*{NAME}-wn-1"):
        world.stop("nobody")


def test_another_size_stops_changes_and_starts_the_host(world: World) -> None:
    world.deploy()
    bigger = (replace(FRONT, instance_type="", cpus=4, memory=8 * GIB), WORKERS)
    planned, done = world.deploy(groups=bigger, check=True), world.deploy(groups=bigger)
    assert planned.changed
    assert sorted(planned.after) == sorted(done.after)
    assert done.instances[0]["cpus"] >= 4
    assert done.instances[0]["memory"] >= 8 * GIB
    assert len({item["InstanceType"] for item in world.instances()}) == 2
    assert not world.deploy(groups=bigger).changed


def test_one_host_of_a_group_has_another_size(world: World) -> None:
    """What it got stays with it, and the others of its group do not stop."""
    world.deploy()
    before = {item["InstanceId"]: item["InstanceType"] for item in world.instances()}
    wanted = (Slot(0, "front"), Slot(1, "wn"), Slot(2, "wn", cpus=4, memory=8 * GIB, instance_type=""))
    planned, done = world.deploy(wanted=wanted, check=True), world.deploy(wanted=wanted)
    assert sorted(planned.after) == sorted(done.after)
    sizes = {item["id"]: item["memory"] for item in done.instances}
    assert sizes[2] >= 8 * GIB > sizes[1]
    after = {item["InstanceId"]: item["InstanceType"] for item in world.instances()}
    assert [key for key in before if before[key] != after[key]] == [done.instances[2]["cloud_id"]]
    assert done.instances[2]["instance_type"] == after[done.instances[2]["cloud_id"]]
    assert not world.deploy(wanted=wanted).changed
    grown = (*wanted, Slot(3, "wn"), Slot(4, "wn", instance_type="m5.xlarge"))
    assert [item["instance_type"] for item in world.deploy(wanted=grown).instances][4] == "m5.xlarge"
    assert not world.deploy(wanted=grown).changed


def test_ports_follow_the_template(world: World) -> None:
    world.deploy()
    opened = (replace(FRONT, ports=(Port("tcp", 22, 22, 22), Port("udp", 53, 53, 53))), WORKERS)
    planned, done = world.deploy(groups=opened, check=True), world.deploy(groups=opened)
    assert "port of front: udp 53 from 0.0.0.0/0" in done.after
    assert "port of front: tcp 8080 from 10.1.0.0/16" not in done.after
    assert sorted(planned.after) == sorted(done.after)
    assert not world.deploy(groups=opened).changed


def test_nothing_but_what_the_template_opens_is_open_to_the_world(world: World) -> None:
    world.deploy()
    groups = world.lab.client("ec2").describe_security_groups(Filters=[{"Name": "tag-key", "Values": ["im_part"]}])
    open_ports = {
        (rule["IpProtocol"], rule.get("FromPort"))
        for group in groups["SecurityGroups"]
        for rule in group["IpPermissions"]
        if any(entry["CidrIp"] == "0.0.0.0/0" for entry in rule["IpRanges"])
    }
    assert open_ports == {("tcp", 22)}


def test_disks_are_encrypted_and_metadata_wants_tokens(world: World) -> None:
    world.deploy()
    volumes = world.lab.client("ec2").describe_volumes(Filters=[{"Name": "tag-key", "Values": ["im_infrastructure"]}])
    assert len(volumes["Volumes"]) == 4
    assert all(item["Encrypted"] for item in volumes["Volumes"])
    assert {item["MetadataOptions"]["HttpTokens"] for item in world.instances()} == {"required"}


def test_a_volume_that_exists_is_attached_and_stays(world: World) -> None:
    ec2 = world.lab.client("ec2")
    zone = f"{world.cloud.region}b"
    number = ec2.create_volume(AvailabilityZone=zone, Size=5)["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[number], WaiterConfig={"Delay": 1})
    groups = (replace(FRONT, volumes=(Volume("old", volume_id=number, mount="/old"),)), WORKERS)
    done = world.deploy(groups=groups)
    assert done.instances[0]["disks"][0]["mount"] == "/old"
    assert world.instances()[0]["Placement"]["AvailabilityZone"] == zone
    assert not world.deploy(groups=groups).changed
    world.destroy()
    assert ec2.describe_volumes(VolumeIds=[number])["Volumes"][0]["State"] == "available"


def test_spot_prices(world: World) -> None:
    groups = (FRONT, replace(WORKERS, preemptible=True))
    world.deploy(groups=groups)
    assert sorted(item.get("InstanceLifecycle", "usual") for item in world.instances()) == ["spot", "spot", "usual"]


def test_the_usual_price_when_there_is_no_room_at_a_spot_price(world: World) -> None:
    world.lab.add_fault("capacity", action="RunInstances", nth=2)
    done = world.deploy(groups=(FRONT, replace(WORKERS, preemptible=True)))
    assert len(done.instances) == 3
    assert any("usual price" in warning for warning in done.warnings)


def test_public_names_and_an_address_that_stays(world: World) -> None:
    dns = world.lab.client("route53")
    zone = dns.create_hosted_zone(Name="example.org.", CallerReference="x")["HostedZone"]["Id"]
    before = world.lab.describe()
    groups = (replace(FRONT, dns_names=("server.example.org", "*@example.org")), WORKERS)
    done = world.deploy(groups=groups)
    records = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    led = {item["Name"]: item["ResourceRecords"][0]["Value"] for item in records if item["Type"] == "A"}
    assert led.pop("server.example.org.") == done.instances[0]["public_ip"]
    assert set(led.values()) == {done.instances[0]["public_ip"]}
    assert not world.deploy(groups=groups).changed
    world.destroy()
    assert world.lab.describe() == before


def test_another_public_name_takes_the_place_of_the_first(world: World) -> None:
    dns = world.lab.client("route53")
    zone = dns.create_hosted_zone(Name="example.org.", CallerReference="y")["HostedZone"]["Id"]
    before = world.lab.describe()
    world.deploy(groups=(replace(FRONT, dns_names=("one.example.org", "two.example.org")),))
    groups = (replace(FRONT, dns_names=("three.example.org",)),)
    planned, done = world.deploy(groups=groups, check=True), world.deploy(groups=groups)
    assert sorted(planned.after) == sorted(done.after)
    records = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert [item["Name"] for item in records if item["Type"] == "A"] == ["three.example.org."]
    assert not world.deploy(groups=groups).changed
    world.destroy()
    assert world.lab.describe() == before


def test_a_run_that_is_cut_off_before_the_records_makes_them_the_next_time(world: World) -> None:
    dns = world.lab.client("route53")
    zone = dns.create_hosted_zone(Name="example.org.", CallerReference="z")["HostedZone"]["Id"]
    groups = (replace(FRONT, dns_names=("one.example.org",)),)
    world.lab.add_fault("denied", action="ChangeResourceRecordSets", nth=1)
    with pytest.raises(HostsError):
        world.deploy(groups=groups)
    world.lab.clear_faults()
    world.deploy(groups=groups)
    records = dns.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert [item["Name"] for item in records if item["Type"] == "A"] == ["one.example.org."]


def test_a_name_without_a_zone_is_refused_before_anything_is_made(world: World) -> None:
    with pytest.raises(HostsError, match="no hosted zone for server"):
        world.deploy(groups=(replace(FRONT, dns_names=("server.example.org",)), WORKERS))
    assert not world.left()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instance_type": "x9.huge"}, "no instance type 'x9.huge'"),
        ({"instance_type": "", "memory": 10**16}, "No instance type .* has what group front asks for"),
        ({"distribution": "templeos"}, "distribution 'templeos', whose images are not known"),
        ({"distribution": "debian", "version": "3"}, "no image of debian 3"),
        ({"image": "aws://ap-south-1/ami-0123456789abcdef0"}, "is in ap-south-1, this run works in"),
        ({"image": "docker://debian"}, "which is none of EC2"),
        ({"architecture": "riscv64"}, "architecture 'riscv64'"),
        ({"disk_type": "floppy"}, "disk of type 'floppy'"),
        ({"availability_zone": "us-east-1z"}, "zone us-east-1z"),
        ({"volumes": (Volume("v", volume_id="vol-0123456789abcdef0"),)}, "no volume vol-0123456789abcdef0"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    world: World, change: dict[str, object], message: str
) -> None:
    with pytest.raises(HostsError, match=message):
        world.deploy(groups=(replace(FRONT, **change), WORKERS))  # type: ignore[arg-type]
    assert not world.left()


def test_another_key_is_refused_while_hosts_exist(world: World) -> None:
    world.deploy()
    with pytest.raises(HostsError, match="made with another key pair"):
        world.deploy(public_key=KEY.replace("KlV", "KlW"))


def test_a_network_that_exists_is_used_and_stays(world: World) -> None:
    ec2 = world.lab.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    networks = (Network("private", provider_id=f"{vpc}.{subnets[0]['SubnetId']}"),)
    world.deploy(networks=networks)
    assert {item["SubnetId"] for item in world.instances()} == {subnets[0]["SubnetId"]}
    assert not world.deploy(networks=networks).changed
    world.destroy()
    assert not world.left()


def test_a_fixed_range_and_a_fixed_address(world: World) -> None:
    networks = (Network("inside", cidr="172.20.5.0/24"), Network("outside", public=True))
    groups = (
        replace(FRONT, networks=("outside", "inside")),
        Group("db", "db", 1, networks=("inside",), addresses={"inside": "172.20.5.20"}),
    )
    done = world.deploy(networks=networks, groups=groups)
    assert done.instances[1]["private_ip"] == "172.20.5.20"
    assert not world.deploy(networks=networks, groups=groups).changed


def test_private_hosts_alone_have_a_way_out(world: World) -> None:
    world.deploy(groups=(WORKERS,))
    gateways = world.lab.client("ec2").describe_nat_gateways(Filter=[{"Name": "state", "Values": ["available"]}])
    assert len(gateways["NatGateways"]) == 1
    assert not world.deploy(groups=(WORKERS,)).changed
    world.destroy()
    assert not world.left()


def test_no_way_out_when_none_is_wanted(world: World) -> None:
    calls = world.calls_of(lambda: world.deploy(nat=False))
    assert "ec2:CreateNatGateway" not in calls


def test_image_and_type_are_chosen_and_the_reasons_told(world: World) -> None:
    done = world.deploy(groups=(FRONT, replace(WORKERS, instance_type="", memory=GIB)))
    assert done.choices
    assert any("cheapest" in line for line in done.choices)
    assert any("newest of debian 12" in line for line in done.choices)


def test_destroy_leaves_the_account_as_it_was(world: World) -> None:
    world.deploy()
    planned = world.destroy(check=True)
    assert len(planned.before) > 10
    assert world.left()
    done = world.destroy()
    assert done.deleted == [f"{NAME}-front-0", f"{NAME}-wn-1", f"{NAME}-wn-2"]
    assert not world.left()
    assert not world.destroy().changed


def test_what_holds_a_destruction_back_is_named(world: World) -> None:
    world.deploy(groups=(FRONT,))
    ec2 = world.lab.client("ec2")
    subnet = world.instances()[0]["SubnetId"]
    foreign = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    with pytest.raises(HostsError, match=f"subnet {subnet} .*DependencyViolation"):
        world.destroy()
    ec2.delete_network_interface(NetworkInterfaceId=foreign)
    world.destroy()
    assert not world.left()


def test_a_name_can_be_used_again_after_a_destruction(world: World) -> None:
    first = world.deploy().instances
    world.destroy()
    second = world.deploy().instances
    assert not {item["cloud_id"] for item in first} & {item["cloud_id"] for item in second}

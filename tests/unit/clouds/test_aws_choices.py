"""What the driver of EC2 chooses, without a cloud: sizes, images, networks, disks, rules, numbers, words for errors."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Any

import botocore.exceptions
import pytest
from ansible_collections.continuum.im.plugins.module_utils._aws import (
    errors,
    firewall,
    images,
    launch,
    layout,
    numbers,
    seen,
    sizes,
    volumes,
)
from ansible_collections.continuum.im.plugins.module_utils._aws.request import Request
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import (
    Group,
    HostsError,
    Network,
    Port,
    Slot,
    Volume,
)
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.unit

GIB = 1024**3
# Dollars an hour of Linux in us-east-1, from AWS's price list; vCPUs, GiB.
PRICES = {
    "t3.micro": (2, 1, 0.0104),
    "t3a.micro": (2, 1, 0.0094),
    "t4g.micro": (2, 1, 0.0084),
    "t3.large": (2, 8, 0.0832),
    "c5.large": (2, 4, 0.085),
    "m5.large": (2, 8, 0.096),
    "m5a.large": (2, 8, 0.086),
    "r5.large": (2, 16, 0.126),
    "m5.4xlarge": (16, 64, 0.768),
    "c5.4xlarge": (16, 32, 0.68),
    "r5.4xlarge": (16, 128, 1.008),
}


def kind(name: str, cpus: int, gib: float, architecture: str = "x86_64", **more: Any) -> dict[str, Any]:
    return {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": cpus},
        "MemoryInfo": {"SizeInMiB": int(gib * 1024)},
        "ProcessorInfo": {"SupportedArchitectures": [architecture]},
        **more,
    }


class Nothing:
    """A cloud that is not asked."""

    region = "us-east-1"


def group(**changes: Any) -> Group:
    return replace(Group("wn", "wn", 1, networks=("private",)), **changes)


@pytest.mark.parametrize("name", sorted(PRICES))
def test_estimates_are_near_the_price_list(name: str) -> None:
    cpus, gib, price = PRICES[name]
    assert sizes.estimate(kind(name, cpus, gib)) == pytest.approx(price, rel=0.12)


def test_the_cheapest_that_fits_is_taken_and_the_reason_told() -> None:
    types = [kind("m5.large", 2, 8), kind("t3.small", 2, 2), kind("t4g.small", 2, 2, "arm64"), kind("t3.micro", 2, 1)]
    found = sizes.find_size(Nothing(), group(cpus=2, memory=2 * GIB), types)  # type: ignore[arg-type]
    assert found.name == "t3.small"
    assert "cheapest of 2 with 2 vCPU, 2.0 GiB, x86_64" in found.why


def test_gpus_are_counted_by_maker_and_model() -> None:
    gpus = {"GpuInfo": {"Gpus": [{"Name": "T4", "Manufacturer": "NVIDIA", "Count": 4}]}}
    types = [kind("g4dn.12xlarge", 48, 192, **gpus), kind("m5.large", 2, 8)]
    assert sizes.fits(types[0], group(num_gpus=2, gpu_vendor="nvidia", gpu_model="t4"), "x86_64")
    assert not sizes.fits(types[0], group(num_gpus=8), "x86_64")
    assert not sizes.fits(types[0], group(num_gpus=1, gpu_vendor="AMD"), "x86_64")
    assert not sizes.fits(types[0], group(), "x86_64"), "nobody asked for a GPU"


def test_another_wish_is_seen_and_the_same_is_not() -> None:
    assert sizes.wish_of(group(memory=GIB)) == sizes.wish_of(group(memory=GIB))
    assert sizes.wish_of(group(memory=GIB)) != sizes.wish_of(group(memory=2 * GIB))


def test_the_newest_image_of_the_highest_version() -> None:
    made = [
        {"ImageId": "a", "Name": "debian-11-amd64-20250101", "CreationDate": "2025-01-01"},
        {"ImageId": "b", "Name": "debian-12-amd64-20240101", "CreationDate": "2024-01-01"},
        {"ImageId": "c", "Name": "debian-12-amd64-20240601", "CreationDate": "2024-06-01"},
    ]
    best = images.newest(made, images.MAKERS["debian"])
    assert best is not None
    assert best["ImageId"] == "c"
    assert images.newest([], images.MAKERS["debian"]) is None


def request(*groups: Group, networks: tuple[Network, ...] = (Network("private"),)) -> Request:
    return Request("x", networks, groups)


def test_public_and_private_hosts_of_a_network_live_apart() -> None:
    places = layout.places(request(group(), group(node="front", public=True)))
    assert [place.part for place in places] == ["subnet/private/inside", "subnet/private/public"]


def test_a_public_host_lives_in_its_public_network() -> None:
    networks = (Network("private"), Network("public", public=True))
    found = layout.place_of(request(networks=networks), group(public=True, networks=("private", "public")))
    assert found.part == "subnet/public/public"


def test_a_fixed_address_decides() -> None:
    networks = (Network("private", cidr="10.9.0.0/24"), Network("public", public=True))
    fixed = group(public=True, networks=("private", "public"), addresses={"private": "10.9.0.9"})
    assert layout.place_of(request(networks=networks), fixed).network.name == "private"


def test_a_fixed_range_holds_one_kind_of_hosts() -> None:
    networks = (Network("private", cidr="10.9.0.0/24"),)
    with pytest.raises(HostsError, match="two subnets"):
        layout.places(request(group(), group(node="front", public=True), networks=networks))


@pytest.mark.parametrize(
    ("cidrs", "block"),
    [
        ([], "10.0.0.0/16"),
        (["10.0.3.0/24"], "10.0.0.0/16"),
        (["172.20.5.0/24", "172.20.9.0/24"], "172.20.0.0/16"),
        (["192.168.7.0/24"], "192.168.0.0/16"),
    ],
)
def test_the_range_of_a_vpc_holds_the_fixed_ones(cidrs: list[str], block: str) -> None:
    networks = [Network(f"n{number}", cidr=cidr) for number, cidr in enumerate(cidrs)]
    assert str(layout.vpc_block(networks)) == block


def test_ranges_far_apart_are_refused() -> None:
    with pytest.raises(HostsError, match="do not fit into one VPC"):
        layout.vpc_block([Network("a", cidr="10.1.0.0/24"), Network("b", cidr="192.168.0.0/24")])
    with pytest.raises(HostsError, match="is not a range"):
        layout.vpc_block([Network("a", cidr="10.1.0.5/24")])


@given(st.lists(st.integers(0, 15), max_size=14, unique=True))
def test_a_new_subnet_overlaps_no_other(taken: list[int]) -> None:
    used = [ipaddress.IPv4Network(f"10.0.{number * 16}.0/20") for number in taken]
    found = layout.subnet_block(Network("n"), [layout.VPC_BLOCK], used)
    assert found.subnet_of(layout.VPC_BLOCK)
    assert not any(found.overlaps(other) for other in used)


@pytest.mark.parametrize("address", ["10.0.0.1", "10.0.0.3", "10.0.15.255", "10.1.0.9", "server", "::1"])
def test_addresses_that_cannot_be_had(address: str) -> None:
    with pytest.raises(HostsError):
        layout.check_address(address, ipaddress.IPv4Network("10.0.0.0/20"), "wn")


def test_what_a_template_may_name_of_an_account() -> None:
    networks = (Network("a", provider_id="vpc-01234567.subnet-89abcdef"), Network("b"))
    found = layout.existing(request(networks=networks))
    assert found.vpc == "vpc-01234567"
    assert found.subnets == (("a", "subnet-89abcdef"),)
    with pytest.raises(HostsError, match="neither a VPC nor a subnet"):
        layout.existing(request(networks=(Network("a", provider_id="my net"),)))
    both = (Network("a", provider_id="vpc-01234567"), Network("b", provider_id="vpc-11234567"))
    with pytest.raises(HostsError, match="several VPCs"):
        layout.existing(request(networks=both))


def test_devices_are_the_same_for_every_host_and_a_wish_is_kept() -> None:
    wished = group(volumes=(Volume("a", GIB), Volume("b", GIB, device="/dev/vdf"), Volume("c", GIB)))
    assert {letter: volume.name for letter, volume in volumes.devices(wished).items()} == {"f": "b", "g": "a", "h": "c"}


def test_disks_are_whole_gib_encrypted_and_of_a_type_that_exists() -> None:
    image = images.Image("ami-1", "admin", "x86_64", "/dev/xvda", 8, "")
    wished = group(disk=20 * GIB + 1, volumes=(Volume("a", GIB // 2), Volume("b", GIB, type="st1")))
    root, small, cold = volumes.mappings(wished, image)
    assert root["DeviceName"] == "/dev/xvda"
    assert [item["Ebs"]["VolumeSize"] for item in (root, small, cold)] == [21, 1, 125]
    assert all(item["Ebs"]["Encrypted"] and item["Ebs"]["DeleteOnTermination"] for item in (root, small, cold))


def test_ports_are_those_of_the_host_itself() -> None:
    ports = (Port("tcp", 80, 81, 8080), Port("icmp", 1, 1, 1), Port("udp", 53, 53, 53, "10.0.0.0/8"))
    assert {str(rule) for rule in firewall.wanted_rules(group(ports=ports))} == {
        "tcp 8080-8081 from 0.0.0.0/0",
        "icmp -1 from 0.0.0.0/0",
        "udp 53 from 10.0.0.0/8",
    }


@given(st.lists(st.integers(0, 2000), unique=True))
def test_numbers_survive_their_tag(wanted: list[int]) -> None:
    assert numbers.read_numbers(numbers.write_numbers(wanted)) == sorted(wanted)


def test_five_hundred_numbers_fit_into_one_tag() -> None:
    slots = [Slot(number, "wn") for number in range(1, 501)]
    assert [len(piece) for _node, piece in launch.batches(slots)] == [500]
    scattered = [Slot(number * 2, "wn") for number in range(200)]
    pieces = launch.batches(scattered)
    assert [slot for _node, piece in pieces for slot in piece] == scattered
    assert all(len(numbers.write_numbers(slot.id for slot in piece)) <= 250 for _node, piece in pieces)


def test_a_host_without_its_number_has_it_from_its_batch() -> None:
    instance = {
        "InstanceId": "i-1",
        "AmiLaunchIndex": 1,
        "State": {"Name": "running"},
        "Tags": [{"Key": "im_batch", "Value": "3-5"}, {"Key": "im_node", "Value": "wn"}],
    }
    host = seen.read_host(instance)
    assert host is not None
    assert host.id == 4
    assert host.facts["numbered"] is False
    assert seen.read_host({**instance, "Tags": []}) is None


def client_error(code: str, message: str = "No.", status: int = 400) -> botocore.exceptions.ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(answer, "RunInstances")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (client_error("UnauthorizedOperation"), "docs/clouds/aws.md lists what is needed"),
        (client_error("VcpuLimitExceeded"), "higher quota"),
        (client_error("InsufficientInstanceCapacity", status=500), "another instance_type"),
        (client_error("RequestLimitExceeded"), "run again in a minute"),
        (client_error("InternalError", status=500), "run again, it goes on"),
        (client_error("AuthFailure"), "AWS_ACCESS_KEY_ID"),
        (botocore.exceptions.NoCredentialsError(), "no credentials for AWS"),
        (botocore.exceptions.NoRegionError(), "AWS_REGION"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="x"), "does not answer the call RunInstances"),
    ],
)
def test_errors_are_a_sentence_and_a_hint(error: Exception, words: str) -> None:
    said = str(errors.explain(error, "RunInstances"))
    assert words in said
    assert "Hint: " in said
    assert "\n" not in said


def test_what_may_have_been_done_is_told_from_what_was_not() -> None:
    assert errors.is_unclear(client_error("InternalError", status=500))
    assert errors.is_unclear(botocore.exceptions.ConnectionClosedError(endpoint_url="x"))
    assert not errors.is_unclear(client_error("InsufficientInstanceCapacity", status=500))
    assert not errors.is_unclear(client_error("InvalidParameterValue"))
    assert errors.is_throttled(client_error("RequestLimitExceeded", status=503))


def test_the_hidden_part_of_a_refusal_is_left_out() -> None:
    error = client_error("UnauthorizedOperation", "Not you. Encoded authorization failure message: aHVnZQ==")
    assert "aHVnZQ" not in str(errors.explain(error, "RunInstances"))

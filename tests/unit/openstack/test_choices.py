# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the driver of OpenStack chooses, without a cloud: images, flavors, networks, rules, credentials, words."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import Group, HostsError, Network, Port, Volume
from ansible_collections.continuum.im.plugins.module_utils._openstack import (
    connect,
    disks,
    errors,
    firewall,
    flavors,
    images,
    kinds,
    layout,
    seen,
)
from ansible_collections.continuum.im.plugins.module_utils._openstack.cloud import Cloud
from ansible_collections.continuum.im.plugins.module_utils._openstack.request import Request
from ansible_collections.continuum.im.plugins.module_utils._openstack.whereabouts import (
    check_whereabouts,
    write_whereabouts,
)
from hypothesis import given
from hypothesis import strategies as st

from .fake import FakeSite

pytestmark = pytest.mark.unit
GIB = 1024**3


def group(**changes: Any) -> Group:
    return replace(Group("wn", "wn", 1, networks=("private",)), **changes)


def image(name: str, **properties: Any) -> dict[str, Any]:
    return {"id": f"id-{name}", "name": name, "status": "active", "created_at": "2026-01-01", **properties}


def flavor(name: str, cpus: int, gib: float, disk: int = 20, **specs: str) -> dict[str, Any]:
    return {"id": name, "name": name, "vcpus": cpus, "ram": int(gib * 1024), "disk": disk, "extra_specs": specs}


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(FakeSite(), 0)


THERE = [
    image("debian-12", os_distro="debian", os_version="12", architecture="x86_64", os_admin_user="deb"),
    image("debian-11", os_distro="debian", os_version="11", architecture="x86_64"),
    image("Debian ARM", os_distro="debian", os_version="12", architecture="aarch64", created_at="2026-02-01"),
    image("ubuntu-jammy-server"),
    image("Ubuntu 24.04 LTS"),
    image("Ubuntu 24.04 LTS (arm64)", created_at="2026-02-01"),
    image("openSUSE 15 aarch64"),
    image("Image for EGI Rocky 9", **{"eu.egi.ad": "https://appdb.egi.eu/store/vo/image/0815/"}),
    image("kept", os_distro="debian", os_version="12", im_source="t-wn-1", im_user="me"),
]


@pytest.mark.parametrize(
    ("wish", "name", "user"),
    [
        ({}, "debian-12", "deb"),
        ({"distribution": "debian", "version": "11"}, "debian-11", "debian"),
        ({"distribution": "debian", "architecture": "arm64"}, "Debian ARM", "debian"),
        ({"distribution": "ubuntu", "version": "22.04"}, "ubuntu-jammy-server", "ubuntu"),
        ({"distribution": "ubuntu"}, "Ubuntu 24.04 LTS", "ubuntu"),
        ({"distribution": "ubuntu", "architecture": "aarch64"}, "Ubuntu 24.04 LTS (arm64)", "ubuntu"),
        ({"distribution": "opensuse"}, "openSUSE 15 aarch64", "opensuse"),
        ({"distribution": "rockylinux", "version": "9"}, "Image for EGI Rocky 9", "rocky"),
        ({"image": "ost://keystone.example.org/id-debian-11"}, "debian-11", "debian"),
        ({"image": "egi://SITE/0815?vo.example.eu"}, "Image for EGI Rocky 9", "rocky"),
        ({"image": "kept"}, "kept", "me"),
    ],
)
def test_images(cloud: Cloud, wish: dict[str, str], name: str, user: str) -> None:
    found = images.find_image(cloud, group(**wish), "", THERE)
    assert (found.id, found.user) == (f"id-{name}", user)
    assert name in found.why


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"image": "ost://elsewhere.example.org/x"}, "is on elsewhere.example.org, this run works on keystone"),
        ({"image": "nothing"}, "no image 'nothing'.*there are Debian ARM, Image for EGI"),
        ({"image": "docker://debian"}, "none of OpenStack"),
        ({"distribution": "plan9"}, "no image of plan9"),
        ({"distribution": "debian", "version": "7"}, "no image of debian 7"),
    ],
)
def test_images_that_are_not_there(cloud: Cloud, wish: dict[str, str], words: str) -> None:
    with pytest.raises(HostsError, match=words):
        images.find_image(cloud, group(**wish), "", THERE)


FLAVORS = [
    flavor("tiny", 1, 0.5, 1),
    flavor("small", 1, 2),
    flavor("medium", 2, 4, 40),
    flavor("diskless", 2, 4, 0),
    flavor("t4", 4, 16, **{"pci_passthrough:alias": "T4:2"}),
    flavor("egi", 8, 32, **{"Accelerator:Type": "GPU", "Accelerator:Number": "1", "Accelerator:Vendor": "NVIDIA",
                            "Accelerator:Model": "Tesla V100"}),
    flavor("vgpu", 4, 8, **{"resources:VGPU": "1"}),
    flavor("net", 2, 4, **{"pci_passthrough:alias": "sriov:1"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ({"cpus": 1, "memory": GIB}, "small"),
        ({"cpus": 2, "memory": 3 * GIB}, "net"),
        ({"cpus": 2, "memory": 3 * GIB, "disk": 30 * GIB}, "medium"),
        ({"cpus": 1, "memory": 0, "num_gpus": 1}, "vgpu"),
        ({"num_gpus": 2}, "t4"),
        ({"num_gpus": 1, "gpu_vendor": "nvidia", "gpu_model": "v100"}, "egi"),
        ({"instance_type": "diskless"}, "diskless"),
    ],
)
def test_the_smallest_flavor_that_fits(cloud: Cloud, wish: dict[str, Any], name: str) -> None:
    assert flavors.find_size(cloud, group(**wish), FLAVORS, 2, 0).name == name


def test_flavors_that_are_not_there(cloud: Cloud) -> None:
    with pytest.raises(HostsError, match=r"No flavor .* 64 vCPU.*the largest are .*egi \(8 vCPU, 32.0 GiB\)"):
        flavors.find_size(cloud, group(cpus=64), FLAVORS, 0, 0)
    with pytest.raises(HostsError, match=r"no flavor 'huge'.*there are diskless, egi"):
        flavors.find_size(cloud, group(instance_type="huge"), FLAVORS, 0, 0)


def test_without_cinder_a_flavor_needs_its_own_disk() -> None:
    bare = Cloud(FakeSite(services=("compute", "network", "image")), 0)
    only = [flavor("diskless", 1, 1, 0), flavor("disk", 4, 8, 10)]
    assert flavors.find_size(bare, group(), only, 2, 0).name == "disk"
    assert flavors.find_size(Cloud(FakeSite(), 0), group(), only, 2, 0).name == "diskless"


def test_root_disks_from_cinder_only_where_the_flavor_has_too_little() -> None:
    made = images.Image("i", "u", 5, 0, "")
    size = flavors.Size("1", "x", 1, GIB, 20, "")
    assert disks.root_size(group(), made, size) == 0
    assert disks.root_size(group(disk=30 * GIB), made, size) == 30
    assert disks.root_size(group(disk_type="ssd"), made, size) == 20
    assert disks.root_size(group(), made, replace(size, disk=0)) == 10


def test_ports_are_those_of_the_host_itself() -> None:
    ports = (Port("tcp", 80, 81, 8080), Port("icmp", 1, 1, 1), Port("udp", 53, 53, 53, "fd00::/8"))
    rules = firewall.wanted_rules(group(ports=ports))
    assert {str(rule) for rule in rules} == {
        "tcp 8080-8081 from 0.0.0.0/0",
        "icmp from 0.0.0.0/0",
        "udp 53 from fd00::/8",
    }
    assert {rule.body("g")["ethertype"] for rule in rules} == {"IPv4", "IPv6"}


def test_rules_are_read_as_they_were_written() -> None:
    for rule in [*firewall.wanted_rules(group(ports=(Port("tcp", 80, 81, 8080),))), firewall.Rule("", group="g")]:
        body = {**rule.body("g"), "id": "r"}
        assert list(firewall.read_rules({"security_group_rules": [body]})) == [rule]


@given(st.lists(st.integers(0, 2047), max_size=30, unique=True), st.text(max_size=5))
def test_a_new_subnet_overlaps_no_other(taken: list[int], seed: str) -> None:
    used = [ipaddress.IPv4Network((int(ipaddress.IPv4Address("10.128.0.0")) + number * 4096, 20)) for number in taken]
    found = ipaddress.IPv4Network(layout.free_block(seed, [str(block) for block in used]))
    assert not any(found.overlaps(other) for other in used)


def test_names_of_one_infrastructure_are_not_those_of_another() -> None:
    port = {"name": kinds.part_name("a-b", "port-1-private"), "description": kinds.mark("a-b")}
    assert kinds.part_of("a", port) == ""
    assert kinds.part_of("a-b", port) == "port-1-private"
    assert not kinds.is_ours(kinds.PORTS, port, "a")


@pytest.mark.parametrize("address", ["10.9.0.1.2", "10.8.0.1"])
def test_addresses_that_cannot_be_had(address: str) -> None:
    networks = (Network("private", cidr="10.9.0.0/24"),)
    wanted = Request("t", networks, (group(addresses={"private": address}),))
    with pytest.raises(HostsError):
        layout.Layout(wanted, seen.Seen("t"), "p").check()


def test_one_address_is_for_one_host() -> None:
    wanted = Request("t", (Network("private"),), (group(count=2, addresses={"private": "10.9.0.9"}),))
    with pytest.raises(HostsError, match="can be at one only"):
        layout.Layout(wanted, seen.Seen("t"), "p").check()


def test_volumes_that_are_none() -> None:
    with pytest.raises(HostsError, match="no volume of OpenStack"):
        disks.given_id(Volume("x", volume_id="vol-123"), group())


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, {"forbidden": {"message": "Quota exceeded for cores: Requested 4"}}, "higher quota"),
        (409, {"NeutronError": {"type": "OverQuota", "message": "Quota exceeded: ['port']."}}, "higher quota"),
        (413, {"overLimit": {"message": "VolumeSizeExceedsAvailableQuota"}}, "higher quota"),
        (403, {"forbidden": {"message": "Policy doesn't allow it"}}, "administrator of the project"),
        (401, {"error": {"message": "The request you have made requires authentication."}}, "access token"),
        (429, {}, "run again in a minute"),
        (503, "<html><h1>Service Unavailable</h1></html>", "problem of its own"),
    ],
)  # fmt: skip
def test_errors_are_a_sentence_and_a_hint(status: int, body: Any, words: str) -> None:
    said = str(errors.refused("compute POST /servers", status, body))
    assert words in said
    assert "Hint: " in said
    assert "\n" not in said
    assert "<" not in said


def test_ids_are_not_told() -> None:
    call = "network DELETE /ports/0b9f1e6e-1f0b-4a60-8f5a-5b5b5b5b5b5b"
    assert "DELETE /ports/... (409)" in str(errors.refused(call, 409, {}))


def test_where_an_access_token_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    environment = {"OIDC_ACCESS_TOKEN": "from-variable"}
    assert connect.find_token("", environment) == "from-variable"
    assert connect.find_token(str(file), environment) == "from-file"
    assert connect.find_token("", {**environment, "BEARER_TOKEN_FILE": str(file)}) == "from-file"
    assert connect.find_token(str(tmp_path / "none"), {}) == ""


@pytest.fixture
def clouds_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Write a clouds.yaml that is the only one."""
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def write(text: str) -> None:
        (tmp_path / "clouds.yaml").write_text(text)
        monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))

    return write


def test_credentials_that_are_missing(clouds_yaml: Callable[[str], None]) -> None:
    clouds_yaml("clouds: {a: {auth: {auth_url: http://127.0.0.1:9/v3}}, b: {auth: {}}}")
    with pytest.raises(HostsError, match="OS_CLOUD"):
        connect.connect({})


def test_the_only_cloud_is_taken_and_named_by_its_host(clouds_yaml: Callable[[str], None]) -> None:
    auth = "{auth_url: http://keystone.example.org:5000/v3, username: u, password: p, project_name: x}"
    clouds_yaml(f"clouds: {{devstack: {{auth: {auth}, region_name: R}}}}")
    assert connect.connect({}).name == "keystone.example.org (R)"


def test_a_token_is_added_where_people_log_in_with_one(
    clouds_yaml: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = "{auth_url: http://127.0.0.1:9/v3, identity_provider: egi.eu, protocol: openid, project_id: x}"
    clouds_yaml(f"clouds: {{egi: {{auth_type: v3oidcaccesstoken, auth: {auth}}}}}")
    with pytest.raises(HostsError, match="no complete credentials"):
        connect.connect({})
    monkeypatch.setenv("EGI_ACCESS_TOKEN", "abc")
    assert connect.connect({}).site.host == "127.0.0.1"


def test_another_project_is_refused(tmp_path: Path) -> None:
    file, site = str(tmp_path / "openstack.json"), FakeSite()
    check_whereabouts(file, "t", site)
    write_whereabouts(file, site)
    check_whereabouts(file, "t", site)
    site.project = "other"
    with pytest.raises(HostsError, match="in the project project-1, this run works on"):
        check_whereabouts(file, "t", site)

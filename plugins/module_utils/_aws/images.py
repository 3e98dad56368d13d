# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image (AMI) a group boots: named by the template, or the newest of a distribution by its maker's account."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .._hosts.model import Group, HostsError
from .cloud import Cloud
from .kinds import USER, Resource, tags_of

# aws://eu-west-1/ami-0abc, or the id alone.
_NAMED = re.compile(r"(?:aws://(?P<region>[a-z]{2}(?:-[a-z]+)+-\d)/)?(?P<id>ami-[0-9a-f]{8,17})")
_ARCHITECTURES = {
    "": "x86_64", "x86_64": "x86_64", "amd64": "x86_64", "i386": "x86_64", "arm64": "arm64", "aarch64": "arm64",
}  # fmt: skip


@dataclass(frozen=True)
class Maker:
    """Who makes the images of a distribution, how they are named, and who logs in.

    `names`: patterns with {version} and {arch}. `version`: finds the version in the name of an image.
    `default`: the version that is taken when the template names none. `arch`: the maker's words for architectures.
    """

    owner: str
    names: tuple[str, ...]
    user: str
    default: str
    version: str
    arch: tuple[tuple[str, str], ...] = (("x86_64", "x86_64"), ("arm64", "arm64"))


_DEBIAN_ARCH = (("x86_64", "amd64"), ("arm64", "arm64"))
_GNU_ARCH = (("x86_64", "x86_64"), ("arm64", "aarch64"))
# Accounts: as the makers publish them (Debian's page Cloud/AmazonEC2Image, Ubuntu's "find Ubuntu images" for AWS),
# https://rockylinux.org/cloud-images, https://wiki.almalinux.org/cloud/AWS.html
MAKERS = {
    "debian": Maker(
        "136693071363", ("debian-{version}-{arch}-2*",), "admin", "12", r"debian-(\d+)-", _DEBIAN_ARCH
    ),
    "ubuntu": Maker(
        "099720109477",
        (
            "ubuntu/images/hvm-ssd-gp3/ubuntu-*-{version}-{arch}-server-*",
            "ubuntu/images/hvm-ssd/ubuntu-*-{version}-{arch}-server-*",
        ),
        "ubuntu", "24.04", r"-(\d\d\.\d\d)-", _DEBIAN_ARCH,
    ),
    "rocky": Maker("792107900819", ("Rocky-{version}*-EC2-Base-*.{arch}*",), "rocky", "9", r"Rocky-(\d+)", _GNU_ARCH),
    "almalinux": Maker("764336703387", ("AlmaLinux OS {version}* {arch}*",), "ec2-user", "9", r"OS (\d+)", _GNU_ARCH),
    "centos": Maker("125523088429", ("CentOS Stream {version} {arch} *",), "ec2-user", "9", r"Stream (\d+)", _GNU_ARCH),
    "fedora": Maker(
        "125523088429", ("Fedora-Cloud-Base-*{version}-*.{arch}-hvm-*",), "fedora", "*", r"-(\d\d)-", _GNU_ARCH
    ),
    "redhat": Maker("309956199498", ("RHEL-{version}*_HVM-*-{arch}-*Hourly2-GP*",), "ec2-user", "9", r"RHEL-(\d+)"),
    "amazon": Maker("137112412989", ("al{version}-ami-2*-kernel-*-{arch}",), "ec2-user", "2023", r"al(\d+)-"),
}  # fmt: skip
_OTHER_NAMES = {
    "rhel": "redhat", "alma": "almalinux", "rockylinux": "rocky", "amazonlinux": "amazon", "amazon linux": "amazon",
    "rocky linux": "rocky", "centos stream": "centos", "red hat": "redhat",
}  # fmt: skip


@dataclass(frozen=True)
class Image:
    """An image, its login user and why it was chosen."""

    id: str
    user: str
    architecture: str
    root_device: str
    root_size: int
    why: str


def find_image(cloud: Cloud, group: Group, user: str) -> Image:
    """Return the image of a group; `user` is a login user that somebody asked for. Raises HostsError."""
    named = _NAMED.fullmatch(group.image)
    if group.image and not named:
        raise HostsError(
            f"Group {group.node} wants the image {group.image!r}, which is none of EC2.",
            "write aws://REGION/ami-..., or give distribution and version instead.",
        )
    if named:
        return _named(cloud, group, named, user)
    return _newest(cloud, group, user)


def architecture_of(group: Group) -> str:
    """Return the architecture of a group in the words of EC2; raises HostsError."""
    found = _ARCHITECTURES.get(group.architecture.lower())
    if found is None:
        raise HostsError(
            f"Group {group.node} wants the architecture {group.architecture!r}.", "EC2 has x86_64 and arm64."
        )
    return found


def _named(cloud: Cloud, group: Group, named: re.Match[str], user: str) -> Image:
    region = named["region"]
    if region and region != cloud.region:
        raise HostsError(
            f"The image of group {group.node} is in {region}, this run works in {cloud.region}.",
            f"set AWS_REGION={region}, or take an image of {cloud.region}.",
        )
    found = cloud.listed("describe_images", "Images", ImageIds=[named["id"]])
    if not found:
        raise HostsError(f"There is no image {named['id']} in {cloud.region}.")
    item = found[0]
    # An image that was made of one of our hosts says who logs in.
    told = tags_of(item).get(USER, "")
    guessed = told or next((maker.user for maker in MAKERS.values() if maker.owner == item.get("OwnerId")), "")
    name = str(item.get("Name", "")).lower()
    guessed = guessed or next((maker.user for word, maker in MAKERS.items() if word in name), "")
    return _image(item, user or guessed or "ec2-user", f"image {named['id']}: the template names it")


def _newest(cloud: Cloud, group: Group, user: str) -> Image:
    word = (group.distribution or "debian").lower()
    maker = MAKERS.get(_OTHER_NAMES.get(word, word))
    if maker is None:
        raise HostsError(
            f"Group {group.node} wants the distribution {group.distribution!r}, whose images are not known.",
            f"take one of {', '.join(sorted(MAKERS))}, or name an image: aws://REGION/ami-...",
        )
    architecture = architecture_of(group)
    version = group.version or maker.default
    names = [name.format(version=version, arch=dict(maker.arch)[architecture]) for name in maker.names]
    filters = [
        {"Name": "name", "Values": names},
        {"Name": "architecture", "Values": [architecture]},
        {"Name": "state", "Values": ["available"]},
    ]
    found = cloud.listed("describe_images", "Images", Owners=[maker.owner], Filters=filters)
    best = newest(found, maker)
    if best is None:
        raise HostsError(
            f"There is no image of {word} {version} for {architecture} in {cloud.region}.",
            "ask for another version, or name an image: aws://REGION/ami-...",
        )
    why = f"image {best['ImageId']} ({best['Name']}): the newest of {word} {version} for {architecture}"
    return _image(best, user or maker.user, why)


def newest(found: Sequence[Resource], maker: Maker) -> Resource | None:
    """Return the newest image of the highest version, None for none."""

    def order(item: Resource) -> tuple[list[int], str]:
        match = re.search(maker.version, str(item["Name"]))
        return [int(word) for word in match[1].split(".")] if match else [], str(item.get("CreationDate", ""))

    return max(found, key=order, default=None)


def _image(item: Resource, user: str, why: str) -> Image:
    device = str(item.get("RootDeviceName") or "/dev/sda1")
    mappings = {entry.get("DeviceName"): entry.get("Ebs") or {} for entry in item.get("BlockDeviceMappings") or []}
    size = int(mappings.get(device, {}).get("VolumeSize") or 8)
    return Image(str(item["ImageId"]), user, str(item.get("Architecture", "x86_64")), device, size, why)

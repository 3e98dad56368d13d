# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image a group gets: the one that the template names, or the best of a distribution; and who logs in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from .._hosts.model import Group, HostsError
from .cloud import Cloud
from .kinds import IMAGE, USER, Resource

GIB = 1024**3
# ost://host/id and egi://site/image?vo, or the name or id alone.
_NAMED = re.compile(r"(?:(?P<scheme>ost|egi)://(?P<host>[^/?]+)/)?(?P<image>[^?]+)(?:\?(?P<vo>.*))?")
_ARCHITECTURES = {"amd64": "x86_64", "x86-64": "x86_64", "arm64": "aarch64", "i386": "i686"}
# Where a template asks for no architecture, and there are images of several.
_USUAL_ARCHITECTURE = "x86_64"
_IN_NAMES = re.compile(r"(?<![a-z0-9])(amd64|x86[_-]64|arm64|aarch64|ppc64le|s390x|riscv64|i[36]86)(?![a-z0-9])")
_OTHER_NAMES = {"rhel": "redhat", "rockylinux": "rocky", "alma": "almalinux", "rocky linux": "rocky"}
# Who logs in, as the makers of the images chose; and the version that is taken when the template names none.
_USERS = {
    "debian": "debian", "ubuntu": "ubuntu", "rocky": "rocky", "almalinux": "almalinux", "centos": "cloud-user",
    "fedora": "fedora", "redhat": "cloud-user", "opensuse": "opensuse", "cirros": "cirros", "arch": "arch",
}  # fmt: skip
_PREFERRED = {"debian": "12"}
# Names of images often have the word of a version instead of its number.
_WORDS = {
    "ubuntu": {"20.04": "focal", "22.04": "jammy", "24.04": "noble"},
    "debian": {"11": "bullseye", "12": "bookworm", "13": "trixie"},
}
_OTHER_USER = "cloud-user"


@dataclass(frozen=True)
class Image:
    """An image, its login user and why it was chosen. `least_disk` is in GiB, `least_memory` in bytes."""

    id: str
    user: str
    least_disk: int
    least_memory: int
    why: str


def list_images(cloud: Cloud) -> list[Resource]:
    """Return the images that can be used. Raises HostsError."""
    return cloud.listed(IMAGE, "/images", "images", status="active", limit="500")


def find_image(cloud: Cloud, group: Group, user: str, there: Sequence[Resource]) -> Image:
    """Return the image of a group; `user` is a login user that somebody asked for. Raises HostsError."""
    if group.image:
        item = _named(cloud, group, there)
        return _image(item, user, f"image {item['name']} ({item['id']}): the template names it")
    return _best(cloud, group, user, there)


def _named(cloud: Cloud, group: Group, there: Sequence[Resource]) -> Resource:
    match = _NAMED.fullmatch(group.image)
    if match is None or ("://" in group.image and not match["scheme"]):
        raise HostsError(
            f"Group {group.node} wants the image {group.image!r}, which is none of OpenStack.",
            "write ost://HOST/ID, egi://SITE/IMAGE, the name or the id; or distribution and version instead.",
        )
    if match["scheme"] == "ost" and match["host"].partition(":")[0] != cloud.site.host:
        raise HostsError(
            f"The image of group {group.node} is on {match['host']}, this run works on {cloud.site.host}.",
            "take the credentials of that site, or an image of this one.",
        )
    word = unquote(match["image"]).strip()
    for test in (_has_id, _has_name, _mentions):
        found = [item for item in there if test(item, word)]
        if found:
            return max(found, key=_age)
    raise HostsError(f"There is no image {word!r} on {cloud.name} (group {group.node}).", f"there are {_names(there)}.")


def _best(cloud: Cloud, group: Group, user: str, there: Sequence[Resource]) -> Image:
    """The newest image of a distribution, by what its properties say; by its name when none says anything."""
    word = (group.distribution or "debian").lower()
    word = _OTHER_NAMES.get(word, word)
    version = group.version or _PREFERRED.get(word, "")
    asked = " ".join(part for part in (word, version, group.architecture) if part)
    usable = [item for item in there if not _is_of_ours(item)]
    found, how = _search(usable, word, version, group)
    if not found:
        raise HostsError(
            f"There is no image of {asked} on {cloud.name} (group {group.node}).",
            f"ask for another one, or name an image; there are {_names(there)}.",
        )
    best = max(found, key=lambda item: (_version(item), _age(item)))
    said = f"image {best['name']} ({best['id']}): the newest of {len(found)} of {asked}, by {how}"
    return _image(best, user, said)


def _search(usable: Sequence[Resource], word: str, version: str, group: Group) -> tuple[list[Resource], str]:
    """The images of a distribution, and how they were found; of any architecture when none is asked for nor usual."""
    for wanted in [group.architecture] if group.architecture else [_USUAL_ARCHITECTURE, ""]:
        some = [item for item in usable if _fits_architecture(item, wanted)]
        for some_version in dict.fromkeys([version, group.version]):
            if found := [item for item in some if _has_properties(item, word, some_version)]:
                return found, "its properties"
            if found := [item for item in some if _name_says(item, word, some_version)]:
                return found, "its name"
    return [], ""


def _image(item: Resource, user: str, why: str) -> Image:
    size = max(int(item.get("virtual_size") or 0), int(item.get("size") or 0))
    least = max(int(item.get("min_disk") or 0), -(-size // GIB))
    return Image(str(item["id"]), user or login_user(item), least, int(item.get("min_ram") or 0) * 1024**2, why)


def login_user(item: Resource) -> str:
    """Return who logs in to hosts of an image: what it says, else what its distribution is known for."""
    told = str(item.get(USER) or item.get("os_admin_user") or "")
    words = [str(item.get("os_distro") or "").lower(), str(item.get("name") or "").lower()]
    known = (user for word in words for name, user in _USERS.items() if name in word)
    return told or next(known, _OTHER_USER)


def architecture(text: str) -> str:
    """Return an architecture in the words of glance."""
    return _ARCHITECTURES.get(text.lower(), text.lower())


def _has_id(item: Resource, word: str) -> bool:
    return bool(item["id"] == word)


def _has_name(item: Resource, word: str) -> bool:
    return str(item.get("name") or "").lower() == word.lower()


def _mentions(item: Resource, word: str) -> bool:
    """EGI's images have what they are called in the catalogue among their properties."""
    return any(isinstance(value, str) and word in value.split("/") for value in item.values())


def _is_of_ours(item: Resource) -> bool:
    """Images of hosts are taken by their name only."""
    return "im_source" in item or item.get("image_type") == "snapshot"


def _fits_architecture(item: Resource, wanted: str) -> bool:
    """Whether an image is of an architecture, by its property or its name; one that says nothing is of any."""
    named = _IN_NAMES.search(str(item.get("name") or "").lower())
    has = architecture(str(item.get("architecture") or (named[1] if named else "")))
    return not wanted or not has or has == architecture(wanted)


def _has_properties(item: Resource, word: str, version: str) -> bool:
    distribution = str(item.get("os_distro") or "").lower()
    has = str(item.get("os_version") or "")
    return _OTHER_NAMES.get(distribution, distribution) == word and (not version or _same_version(has, version))


def _same_version(has: str, wanted: str) -> bool:
    return has == wanted or has.startswith(f"{wanted}.")


def _name_says(item: Resource, word: str, version: str) -> bool:
    name = str(item.get("name") or "").lower()
    if word not in name.replace("red hat", "redhat").replace(" ", "" if " " in word else " "):
        return False
    number = re.search(rf"(?<![\d.]){re.escape(version)}(?!\d)", name) if version else True
    return bool(number) or (version in _WORDS.get(word, {}) and _WORDS[word][version] in name)


def _version(item: Resource) -> list[int]:
    text = str(item.get("os_version") or "") or str(item.get("name") or "")
    match = re.search(r"\d+(?:\.\d+)*", text)
    return [int(part) for part in match[0].split(".")][:3] if match else []


def _age(item: Resource) -> Any:
    return str(item.get("created_at") or item.get("updated_at") or "")


def _names(there: Iterable[Resource]) -> str:
    names = sorted({str(item.get("name") or item["id"]) for item in there})
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more if names else "none"

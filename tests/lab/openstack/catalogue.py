# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab offers: flavors, images, and whom it trusts."""

from __future__ import annotations

from typing import Any

_GIB = 1024
ISSUER = "https://aai.lab.example/auth/realms/egi"
VO = "vo.example.eu"
ENTITLEMENT = f"urn:mace:egi.eu:group:{VO}:role=vm_operator#aai.egi.eu"
IDENTITY_PROVIDER, PROTOCOL = "egi.eu", "openid"
FEDERATION = {
    "issuer": ISSUER,
    "vo": VO,
    "entitlement": ENTITLEMENT,
    "identity_provider": IDENTITY_PROVIDER,
    "protocol": PROTOCOL,
}


def _flavor(name: str, vcpus: int, gibibytes: float, disk: int, **extra_specs: str) -> dict[str, Any]:
    return {"name": name, "vcpus": vcpus, "ram": int(gibibytes * _GIB), "disk": disk, "extra_specs": extra_specs}


# Nova has no such device: the alias is what sites write, the rest is what EGI's information system reads.
_GPU = {
    "Accelerator:Type": "GPU",
    "Accelerator:Number": "1",
    "Accelerator:Vendor": "NVIDIA",
    "Accelerator:Model": "A100",
    "gpu:number": "1",
    "gpu:model": "A100",
}
FLAVORS: list[dict[str, Any]] = [
    _flavor("m1.tiny", 1, 0.5, 1),
    _flavor("m1.small", 1, 2, 20),
    _flavor("m1.medium", 2, 4, 40),
    _flavor("m1.large", 4, 8, 80),
    _flavor("m1.xlarge", 8, 16, 160),
    _flavor("g1.large", 8, 32, 80, **_GPU),
]


def _image(name: str, distribution: str, version: str, user: str, **more: Any) -> dict[str, Any]:
    fixed = {"architecture": "x86_64", "min_disk": 1, "min_ram": 256, "os_type": "linux"}
    return {"name": name, "os_distro": distribution, "os_version": version, "os_admin_user": user, **fixed, **more}


IMAGES: list[dict[str, Any]] = [
    _image("debian-11", "debian", "11", "debian"),
    _image("debian-12", "debian", "12", "debian"),
    _image("debian-12-arm64", "debian", "12", "debian", architecture="aarch64"),
    _image("ubuntu-22.04", "ubuntu", "22.04", "ubuntu"),
    _image("ubuntu-24.04", "ubuntu", "24.04", "ubuntu", min_disk=4, min_ram=1024),
    # As sites name images that say nothing about themselves.
    {"name": "Image for EGI Debian 12 [Debian/12/KVM]"},
    {"name": "golden"},
]

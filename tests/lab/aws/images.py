# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The public machine images of the lab: names, owners and dates are like the real ones, all boot the same host."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .account import ACCOUNT

DEBIAN = "136693071363"
CANONICAL = "099720109477"
ROOT_GIB = 8
ROOT_TYPE = "gp3"

_DEBIAN = {
    "11": ("/dev/xvda", ("20240717-1811", "20241202-1949", "20250303-2039")),
    "12": ("/dev/xvda", ("20240717-1811", "20250316-2053", "20250814-2204", "20260112-2355")),
    "13": ("/dev/xvda", ("20250814-2204", "20260112-2355")),
}
_UBUNTU = {
    "22.04": ("jammy", "hvm-ssd", ("20240701", "20250305", "20260108")),
    "24.04": ("noble", "hvm-ssd-gp3", ("20240801", "20250610", "20260115")),
}
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


def prepare(folder: Path) -> Path:
    """Write the images to a file and tell moto, which must not be imported yet, of it and of other settings."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "amis.json"
    path.write_text(json.dumps(list(all_images()), indent=1), encoding="utf-8")
    os.environ["MOTO_AMIS_PATH"] = str(path)
    # Else moto looks for each key in the accounts of all partitions, which takes a second to make.
    os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"
    return path


def all_images() -> Iterator[dict[str, Any]]:
    """Return all images in the form that moto reads."""
    for version, (device, builds) in _DEBIAN.items():
        for build in builds:
            for short, architecture in _ARCHITECTURES.items():
                name = f"debian-{version}-{short}-{build}"
                yield _image(name, DEBIAN, architecture, build[:8], device, f"Debian {version} ({build})")
    for version, (code, disk, builds) in _UBUNTU.items():
        for build in builds:
            for short, architecture in _ARCHITECTURES.items():
                name = f"ubuntu/images/{disk}/ubuntu-{code}-{version}-{short}-server-{build}"
                text = f"Canonical, Ubuntu, {version} LTS, {short} {code} image build on {build}"
                yield _image(name, CANONICAL, architecture, build, "/dev/sda1", text)


def _image(name: str, owner: str, architecture: str, day: str, device: str, description: str) -> dict[str, Any]:
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "ami_id": f"ami-0{digest[:16]}",
        "state": "available",
        "public": True,
        "owner_id": owner,
        "image_location": f"{owner}/{name}",
        "sriov": "simple",
        "root_device_type": "ebs",
        "root_device_name": device,
        "description": description,
        "image_type": "machine",
        "platform": None,
        "architecture": architecture,
        "name": name,
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "boot_mode": "uefi" if architecture == "arm64" else "uefi-preferred",
        "creation_date": f"{day[:4]}-{day[4:6]}-{day[6:8]}T12:30:00.000Z",
    }

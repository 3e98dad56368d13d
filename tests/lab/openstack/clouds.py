# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that lead clients to the lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from . import catalogue
from .layout import PASSWORD, REGION

_DOMAINS = {"user_domain_name": "Default", "project_domain_name": "Default"}


def write(folder: Path, keystone: str, token: str) -> None:
    """Write clouds.yaml, clouds-admin.yaml and clouds-egi.yaml."""
    url = f"{keystone}/v3"
    user = {"auth_url": url, "username": "demo", "password": PASSWORD, "project_name": "demo", **_DOMAINS}
    admin = {"auth_url": url, "username": "admin", "password": PASSWORD, "project_name": "admin", **_DOMAINS}
    egi = {
        "auth_url": url,
        "identity_provider": catalogue.IDENTITY_PROVIDER,
        "protocol": catalogue.PROTOCOL,
        "access_token": token,
        "project_name": "demo",
        "project_domain_name": "Default",
    }
    _write(folder / "clouds.yaml", "lab", {"auth": user})
    _write(folder / "clouds-admin.yaml", "lab-admin", {"auth": admin})
    _write(folder / "clouds-egi.yaml", "lab-egi", {"auth_type": "v3oidcaccesstoken", "auth": egi})


def _write(path: Path, cloud: str, entry: dict[str, Any]) -> None:
    text = yaml.safe_dump({"clouds": {cloud: {"region_name": REGION, **entry}}}, sort_keys=False)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)

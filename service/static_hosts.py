# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that exist already: how what a request says of them comes to the run that needs it, among its credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

STATIC_VARIABLE = "CONTINUUM_STATIC"


def static_environment(hosts: list[dict[str, Any]], user: str, private_key: str) -> dict[str, str]:
    """Return the environment that carries hosts, and the key of their user."""
    return {STATIC_VARIABLE: json.dumps({"hosts": hosts, "user": user, "private_key": private_key})}


def static_variables(environment: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return the extra variables of a run on hosts that exist already, and the private key of their user."""
    told = environment.get(STATIC_VARIABLE)
    if not told:
        return {}, ""
    found = json.loads(told)
    return {"cloud_static_hosts": found["hosts"], "cloud_static_user": found["user"]}, str(found["private_key"])


def without_static(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what goes into files."""
    return {name: value for name, value in environment.items() if name != STATIC_VARIABLE}

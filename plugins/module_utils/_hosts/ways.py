# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hosts are reached by SSH: directly, or the private ones through a public one of their infrastructure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .model import RUNNING, Host
from .wait import Door


def with_jumps(hosts: Iterable[Host]) -> list[Host]:
    """Return hosts with the fact `jump`: private ones are reached through the first public host that runs."""
    found = list(hosts)
    public = [host for host in found if host.facts.get("public_ip") and host.state == RUNNING]
    jump = public[0].name if public else None
    return [
        replace(host, facts={**host.facts, "jump": None if host.facts.get("public_ip") else jump}) for host in found
    ]


def door_of(host: Host, by_name: Mapping[str, Host], key_file: str) -> Door | None:
    """Return how a host is reached, None when it cannot be: `by_name` are all hosts, `key_file` opens the jump host."""
    address = host.facts.get("public_ip")
    if address:
        return Door(host.name, str(address))
    jump = by_name.get(str(host.facts.get("jump") or ""))
    if jump is None or not key_file or not host.facts.get("private_ip"):
        return None
    return Door(
        host.name,
        str(host.facts["private_ip"]),
        jump=str(jump.facts["public_ip"]),
        jump_user=str(jump.facts["user"]),
        jump_id=jump.cloud_id,
        key_file=key_file,
    )

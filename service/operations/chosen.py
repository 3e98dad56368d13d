# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts an operation configures: all, some, or none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .queue import CONFIGURING

NOTHING: dict[str, Any] = {"configure": False}


def configuring(context: bool) -> dict[str, Any]:
    """Return the arguments of an operation that configures, or (without `context`) leaves hosts as they are."""
    return {} if context else dict(NOTHING)


def chosen(kind: str, arguments: Mapping[str, Any]) -> frozenset[int] | None:
    """Return the numbers of the hosts that an operation configures, None for all of them."""
    if kind not in CONFIGURING or arguments.get("configure") is False:
        return frozenset()
    hosts = arguments.get("hosts")
    return frozenset(int(item) for item in hosts) if hosts else None


def configures(kind: str, arguments: Mapping[str, Any], number: int) -> bool:
    """True when an operation configures a host."""
    found = chosen(kind, arguments)
    return found is None or number in found

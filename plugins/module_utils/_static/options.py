# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that both modules have: which hosts are offered, and how to log in to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._hosts.model import HostsError
from .entries import USER, read_entries
from .inventory import read_file


def offer_spec() -> dict[str, Any]:
    """Return the argument specification of these options."""
    return {
        "offered": {"type": "list", "elements": "raw", "default": []},
        "hosts_file": {"type": "path"},
        "folder": {"type": "path", "required": True},
        "user": {"type": "str", "default": ""},
        "private_key_file": {"type": "path"},
    }


def read_offer(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return these options, checked, by the names of the fields of a request; raises HostsError."""
    if options["user"] and not USER.fullmatch(options["user"]):
        raise HostsError(f"{options['user']!r} is not the name of a login user.")
    from_file = read_file(options["hosts_file"]) if options["hosts_file"] else []
    return {
        "entries": read_entries([*options["offered"], *from_file]),
        "folder": options["folder"],
        "user": options["user"],
        "private_key_file": options["private_key_file"] or "",
    }

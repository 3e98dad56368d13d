# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of calls, like compute:POST /servers/ID/action. Pure; used here and inside the services."""

from __future__ import annotations

import re
from urllib.parse import unquote

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ID = re.compile(f"(?:{_UUID}|[0-9a-f]{{32}}|[0-9a-f]{{64}}|[0-9]+)")
_VERSION = re.compile(r"/v[0-9.]+(?=/|$)")
# What follows these is a name that the user chose.
_NAMED = (
    "os-keypairs",
    "tags",
    "metadata",
    "identity_providers",
    "protocols",
    "mappings",
    "flavors",
    "os-extra_specs",
    "members",
    "os-quota-sets",
    "quotas",
)
_PLAIN = ("detail", "auth", "defaults", "details")


def name_of(service: str, method: str, path: str) -> str:
    """Return the name of a call: service, method, and the path without version and project, with ID for each id."""
    rest = _VERSION.sub("", path, count=1)
    words = [unquote(word) for word in rest.split("/") if word]
    if service == "volume" and words and _ID.fullmatch(words[0]):
        del words[0]
    result: list[str] = []
    for word in words:
        named = bool(result) and result[-1] in _NAMED and word not in _PLAIN
        result.append("ID" if named or _ID.fullmatch(word) else word)
    return f"{service}:{method} /{'/'.join(result)}"

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud, and what a run needs to enter it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ..errors import ServiceError
from .records import Record


@dataclass(frozen=True)
class CloudAccess:
    """A cloud and what a run needs to enter it. `type` and `host` are shown, `cloud` is the collection's name."""

    cloud: str
    id: str
    type: str
    host: str = ""
    port: int | None = None
    endpoint: str = "http://:80"
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    vo: str = ""


class AccessError(ServiceError):
    """A record cannot be used now. It is no `BadRequest`: nothing goes on without it."""

    default_status = 400


def place(record: Record) -> tuple[str, int | None, str]:
    """Return host, port and address that a record names; parts that cannot be read are left out."""
    text = record.get("host", "").strip()
    try:
        parts = urlsplit(text if "://" in text else f"//{text}", scheme="http")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", None, "http://:80"
    return host, port, f"{parts.scheme}://{host}:{port or (443 if parts.scheme == 'https' else 80)}{parts.path}"

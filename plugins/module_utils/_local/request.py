# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .._hosts.model import DEFAULT_NETWORK, Group, Network, Slot


@dataclass(frozen=True)
class Request:
    """The options of the module, checked."""

    infrastructure: str
    networks: tuple[Network, ...] = (DEFAULT_NETWORK,)
    groups: tuple[Group, ...] = ()
    wanted: tuple[Slot, ...] | None = None
    purge: bool = True
    public_key: str = ""
    user: str = ""
    timeout: int = 120
    registry: str = "docker.io"
    publish_address: str = "127.0.0.1"
    image_files: Path = Path("/nonexistent")
    check: bool = False
    hosts: tuple[str, ...] = ()
    snapshot: str = ""
    last_id: int = -1

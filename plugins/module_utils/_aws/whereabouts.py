# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which region an infrastructure is in, written beside its key: one who destroys in another region is told."""

from __future__ import annotations

import json
from pathlib import Path

from .._hosts.model import HostsError


def check_whereabouts(path: str | None, infrastructure: str, region: str) -> None:
    """Raise HostsError when the infrastructure is known to be in another region."""
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8"))["region"] if path else region
    except (OSError, ValueError, KeyError, TypeError):
        return
    if known != region:
        raise HostsError(
            f"{infrastructure} is in the region {known}, this run works in {region}.", f"set AWS_REGION={known}."
        )


def write_whereabouts(path: str | None, region: str) -> None:
    """Write down the region, before anything is made there. A folder that is missing is nobody's problem."""
    if path and Path(path).parent.is_dir():
        Path(path).write_text(json.dumps({"region": region}) + "\n", encoding="utf-8")

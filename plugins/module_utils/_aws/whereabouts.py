# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept beside the key of an infrastructure: its region, so that one who destroys in another one is told, and a
lock, so that two runs do not disturb each other."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from .._hosts.alone import alone as one_run
from .._hosts.model import HostsError
from .request import Request


@contextlib.contextmanager
def alone(path: str | None, request: Request) -> Iterator[None]:
    """Keep other runs on this controller away from an infrastructure meanwhile; raises HostsError when one goes on.

    A run that was killed may live on for a while in its module: Ansible starts those in sessions of their own.
    """
    folder = Path(path).parent if path else None
    if request.check or folder is None or not folder.is_dir():
        yield
        return
    with one_run(folder / ".aws.lock", request.infrastructure, request.timeout):
        yield


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

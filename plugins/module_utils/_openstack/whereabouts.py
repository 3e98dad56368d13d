# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept beside the key of an infrastructure: site and project, so that who destroys elsewhere is told."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from .._hosts.alone import alone as one_run
from .._hosts.model import HostsError
from .request import Request
from .site import Site


@contextlib.contextmanager
def alone(path: str | None, request: Request) -> Iterator[None]:
    """Keep other runs on this controller away from an infrastructure meanwhile. Raises HostsError."""
    folder = Path(path).parent if path else None
    if request.check or folder is None or not folder.is_dir():
        yield
        return
    with one_run(folder / ".openstack.lock", request.infrastructure, request.timeout):
        yield


def check_whereabouts(path: str | None, infrastructure: str, site: Site) -> None:
    """Raise HostsError when the infrastructure is known to be on another site, or in another project."""
    try:
        known = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
        there = (str(known["site"]), str(known["project"]))
    except (OSError, ValueError, KeyError, TypeError):
        return
    if there != (site.name, site.project):
        raise HostsError(
            f"{infrastructure} is on {there[0]} in the project {there[1]}, this run works on {site.name} in the "
            f"project {site.project}.",
            "take the credentials of that project (OS_CLOUD, OS_PROJECT_ID).",
        )


def write_whereabouts(path: str | None, site: Site) -> None:
    """Write down site and project, before anything is made there. A folder that is missing is nobody's problem."""
    if path and Path(path).parent.is_dir():
        text = json.dumps({"site": site.name, "host": site.host, "project": site.project})
        Path(path).write_text(f"{text}\n", encoding="utf-8")

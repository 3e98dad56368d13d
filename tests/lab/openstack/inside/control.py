# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the services ask the lab: JSON over HTTP on this machine."""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# A host that is made when the image of the hosts is not there yet waits for that.
_SECONDS = 900


def settings() -> dict[str, Any]:
    """Return what the lab told this process."""
    return dict(json.loads(os.environ["LAB_OPENSTACK"]))


def folder() -> Path:
    """Return the folder in which the lab and the services exchange files."""
    return Path(settings()["exchange"])


def ask(name: str, /, **body: Any) -> Any:
    """Let the lab do something; raises RuntimeError with what it says when it cannot."""
    endpoint = settings()["control"]
    request = urllib.request.Request(f"{endpoint}/lab/{name}", json.dumps(body).encode(), method="POST")  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.loads(error.read())["error"]) from error


def wake() -> None:
    """Tell the lab that networks, groups or addresses changed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        try:
            sender.sendto(b"x", settings()["wake"])
        except OSError:
            # Full means that it will look anyway; gone means that it ends.
            return

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the files of a lab are, its sockets, and the facts that all parts know."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path

REGION = "RegionOne"
PASSWORD = "lab"
# Services in the order of their start: the first two are asked by the others.
SERVICES = ("keystone", "placement", "neutron", "nova", "glance", "cinder")
TYPES = {
    "placement": ("placement", ""),
    "nova": ("compute", "/v2.1"),
    "glance": ("image", ""),
    "neutron": ("network", ""),
    "cinder": ("block-storage", "/v3"),
}
DATABASES = ("keystone", "placement", "glance", "neutron", "nova_api", "nova_cell0", "nova_cell1", "cinder")
_BACKLOG = 512


class Listening:
    """The two sockets of a service: for users, and for other services."""

    def __init__(self) -> None:
        self._sockets = (_listen(), _listen())
        self.public, self.internal = (int(item.getsockname()[1]) for item in self._sockets)
        self.numbers = tuple(item.fileno() for item in self._sockets)

    def close(self) -> None:
        """Stop listening here; the process of the service has its own."""
        for item in self._sockets:
            item.close()


def _listen() -> socket.socket:
    result = socket.socket()
    result.bind(("127.0.0.1", 0))
    result.listen(_BACKLOG)
    return result


@dataclass
class Layout:
    """The folders of a running lab. `runtime` has a short name, as paths of Unix sockets must be short."""

    venv: Path
    state: Path
    runtime: Path
    listening: dict[str, Listening] = field(default_factory=dict)

    @property
    def database_socket(self) -> Path:
        """Return the socket of the database."""
        return self.runtime / "db.sock"

    @property
    def wake_socket(self) -> Path:
        """Return the socket at which services say that networks changed."""
        return self.runtime / "wake.sock"

    @property
    def python(self) -> Path:
        """Return the interpreter of the services."""
        return self.venv / "bin" / "python"

    @property
    def etc(self) -> Path:
        """Return the folder of the configuration."""
        return self.state / "etc"

    @property
    def logs(self) -> Path:
        """Return the folder of the logs."""
        return self.state / "log"

    @property
    def exchange(self) -> Path:
        """Return the folder in which the lab and the services exchange files."""
        return self.state / "exchange"

    def public(self, service: str) -> str:
        """Return where users find a service."""
        return f"http://127.0.0.1:{self.listening[service].public}"

    def internal(self, service: str) -> str:
        """Return where other services find a service."""
        return f"http://127.0.0.1:{self.listening[service].internal}"

    def make_folders(self) -> None:
        """Make all folders."""
        for folder in (self.etc, self.logs, self.exchange, self.state / "images", self.runtime):
            folder.mkdir(parents=True, exist_ok=True)
        for service in SERVICES:
            (self.etc / service).mkdir(exist_ok=True)
            (self.state / "var" / service).mkdir(parents=True, exist_ok=True)

    def listen(self) -> None:
        """Take free ports for all services."""
        self.listening = {service: Listening() for service in SERVICES}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials of clouds: in the memory of one process, never in the database.

The supervisor holds them and gives them to web and workers over a socket that only its owner can open. They are kept by
infrastructure: the last ones that an owner sent. When there is no socket (tests, one process for all) they are kept in
the memory of this process.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from ..config import Config
from ..db.engine import session_scope
from .queue import wake

KEPT_SECONDS = 24 * 3600.0
_LONGEST = 4 * 1024 * 1024
_TIMEOUT = 10.0


class CredentialVault:
    """Environments by infrastructure, in memory, for a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, str]]] = {}

    def put(self, infrastructure_id: str, environment: dict[str, str], ttl: float = KEPT_SECONDS) -> None:
        """Keep the environment for the runs of an infrastructure; it replaces an earlier one."""
        with self._lock:
            self._kept[infrastructure_id] = (time.monotonic() + ttl, dict(environment))

    def take(self, infrastructure_id: str) -> dict[str, str] | None:
        """Return the environment, None when there is none (any more). It stays for the next run."""
        with self._lock:
            until, environment = self._kept.get(infrastructure_id, (0.0, {}))
            if until > time.monotonic():
                return dict(environment)
            self._kept.pop(infrastructure_id, None)
            return None

    def drop(self, infrastructure_id: str) -> None:
        """Forget the environment."""
        with self._lock:
            self._kept.pop(infrastructure_id, None)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.request.settimeout(_TIMEOUT)
        vault: CredentialVault = self.server.vault  # type: ignore[attr-defined]
        asked = json.loads(self.rfile.readline(_LONGEST))
        method, arguments = asked["method"], asked["arguments"]
        answer: Any = None
        if method in ("put", "take", "drop"):
            answer = getattr(vault, method)(*arguments)
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    vault: CredentialVault

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; what it sent must not be printed."""


class VaultServer:
    """Serves a vault on the socket of a configuration, in a thread of its own."""

    def __init__(self, config: Config) -> None:
        self._path = vault_socket(config)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = _Server(str(self._path), _Handler)
        finally:
            os.umask(before)
        self._server.vault = CredentialVault()
        self._thread = threading.Thread(target=self._server.serve_forever, name="vault", daemon=True)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """End it; what was kept is gone."""
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class VaultClient:
    """What web and workers use: the same methods as `CredentialVault`."""

    def __init__(self, config: Config) -> None:
        self._path = vault_socket(config)
        self._own = _OWN.setdefault(str(self._path), CredentialVault())

    def put(self, infrastructure_id: str, environment: dict[str, str], ttl: float = KEPT_SECONDS) -> None:
        """Keep the environment for the runs of an infrastructure."""
        if not self._ask("put", infrastructure_id, environment, ttl)[0]:
            self._own.put(infrastructure_id, environment, ttl)

    def take(self, infrastructure_id: str) -> dict[str, str] | None:
        """Return the environment, None when there is none."""
        answered, found = self._ask("take", infrastructure_id)
        return found if answered else self._own.take(infrastructure_id)

    def drop(self, infrastructure_id: str) -> None:
        """Forget the environment."""
        if not self._ask("drop", infrastructure_id)[0]:
            self._own.drop(infrastructure_id)

    def _ask(self, method: str, *arguments: Any) -> tuple[bool, Any]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
                link.settimeout(_TIMEOUT)
                link.connect(str(self._path))
                link.sendall(json.dumps({"method": method, "arguments": arguments}).encode() + b"\n")
                with link.makefile("rb") as answer:
                    return True, json.loads(answer.readline(_LONGEST))
        except (OSError, ValueError):
            return False, None


_OWN: dict[str, CredentialVault] = {}


def vault_socket(config: Config) -> Path:
    """Return the path of the socket. Paths of sockets are short: below /tmp when the home is a long one."""
    path = config.run_folder / "vault.sock"
    if len(str(path)) < 100:
        return path
    return short_folder(config) / "vault.sock"


def short_folder(config: Config) -> Path:
    """Return a private folder with a short path for a home with a long one; raises OSError when it is not ours."""
    import hashlib
    import tempfile

    digest = hashlib.sha256(config.home.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"continuum-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if folder.is_symlink() or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


def offer_credentials(engine: Engine, config: Config, infrastructure_id: str, environment: dict[str, str]) -> None:
    """Keep the credentials that an owner sent with a request; what waited for them goes on."""
    if environment:
        VaultClient(config).put(infrastructure_id, environment)
        with session_scope(engine) as session:
            wake(session, infrastructure_id)

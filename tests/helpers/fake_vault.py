# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service asks of a HashiCorp Vault, for tests: logins with tokens, and key-value stores of both versions."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


class FakeVault:
    """`users`: tokens of issuers and of the Vault -> entity. `stores`: name -> version. `secrets`: path -> data.

    `broken` is "" or how it misbehaves: "redirects", "page", "endless", "sealed".
    """

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.stores = {"credentials": "1", "kv": "2"}
        self.secrets: dict[str, dict[str, Any]] = {}
        self.calls: list[str] = []
        self.roles: list[str] = []
        self.given: dict[str, str] = {}
        self.broken = ""
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._do(None)

            def do_POST(self) -> None:
                self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _do(self, body: Any) -> None:
                vault.calls.append(f"{self.command} {self.path}")
                if vault.broken:
                    self._misbehave()
                    return
                status, found = vault.answer(
                    self.path.removeprefix("/v1/"), self.headers.get("X-Vault-Token", ""), body
                )
                self._send(status, json.dumps(found).encode())

            def _misbehave(self) -> None:
                if vault.broken == "redirects":
                    self._send(307, b"", Location="http://127.0.0.1:1/elsewhere")
                elif vault.broken == "sealed":
                    self._send(503, b'{"errors": ["Vault is sealed"]}')
                else:
                    self._send(200, b"<html>" if vault.broken == "page" else b'{"data": "' + b"x" * 2_000_000 + b'"}')

            def _send(self, status: int, data: bytes, **headers: str) -> None:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, token: str, body: Any) -> Answer:
        """Answer a call."""
        if path == "auth/jwt/login":
            return self._login(body)
        entity = self.given.get(token) or (self.users.get(token) if not token.startswith("eyJ") else None)
        if not entity:
            return 403, {"errors": ["permission denied"]}
        if path == "auth/token/lookup-self":
            return 200, {"data": {"entity_id": entity}}
        if path == "auth/token/revoke-self":
            del self.given[token]
            return 204, {}
        if path.startswith("sys/internal/ui/mounts/"):
            version = self.stores.get(path.rpartition("/")[2])
            return (200, {"data": {"type": "kv", "options": {"version": version}}}) if version else (403, {})
        return self._read(path)

    def _login(self, body: dict[str, str]) -> Answer:
        entity = self.users.get(body["jwt"])
        self.roles.append(body.get("role", ""))
        if not entity:
            return 400, {"errors": ["error validating token: " + body["jwt"]]}
        token = f"hvs.{len(self.calls)}"
        self.given[token] = entity
        return 200, {"auth": {"client_token": token, "entity_id": entity}}

    def _read(self, path: str) -> Answer:
        store, _slash, rest = path.partition("/")
        versioned = self.stores.get(store) == "2"
        if versioned != rest.startswith("data/"):
            return 404, {"errors": []}
        found = self.secrets.get(f"{store}/{rest.removeprefix('data/') if versioned else rest}")
        if found is None:
            return 404, {"errors": []}
        return 200, {"data": {"data": found, "metadata": {}} if versioned else found}

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

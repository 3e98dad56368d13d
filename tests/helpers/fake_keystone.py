# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site of OpenStack as far as lists of images and quotas need one, for tests: keystone, glance, nova, neutron."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PROJECT = "0123456789abcdef" * 2
_IMAGES = [
    {"id": "i1", "name": "Debian 12", "os_distro": "debian", "os_version": "12"},
    {"id": "i2", "name": "ubuntu 24.04 noble", "status": "active"},
    {"id": "i3", "name": "Rocky", "os_distro": "rocky", "os_version": "9.4"},
]
_LIMITS = {
    "totalCoresUsed": 3, "maxTotalCores": 20, "totalRAMUsed": 2048, "maxTotalRAMSize": -1, "totalInstancesUsed": 2,
    "maxTotalInstances": 10,
}  # fmt: skip


class FakeKeystone:
    """`passwords`: user -> password. `elsewhere` is where its list of services leads, "" for here.

    `redirect` is where its first page leads, "" for nowhere. While `busy` is set it does not answer.
    """

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.calls: list[str] = []
        self.elsewhere = ""
        self.redirect = ""
        self.busy = threading.Event()
        self.ended = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._do({})

            def do_POST(self) -> None:
                self._do(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def _do(self, body: Any) -> None:
                path = urlsplit(self.path).path
                site.calls.append(f"{self.command} {path}")
                if site.busy.is_set():
                    site.ended.wait(60)
                if site.redirect:
                    self._send(302, {}, Location=site.redirect + path)
                    return
                status, found = site.answer(path, body)
                self._send(status, found, **({"X-Subject-Token": "t0ken"} if status == 201 else {}))

            def _send(self, status: int, found: Any, **headers: str) -> None:
                text = json.dumps(found).encode()
                self.send_response(status)
                for name, value in {
                    "Content-Type": "application/json",
                    "Content-Length": str(len(text)),
                    **headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, path: str, body: Any) -> tuple[int, Any]:
        """Answer a call."""
        if path == "/v3":
            links = [{"rel": "self", "href": f"{self.address}/v3/"}]
            return 200, {"version": {"id": "v3.14", "status": "stable", "links": links}}
        if path == "/v3/auth/tokens":
            return self._login(body["auth"]["identity"]["password"]["user"])
        found = {
            "/glance/v2/images": {"images": _IMAGES},
            "/nova/v2.1/limits": {"limits": {"absolute": _LIMITS}},
            f"/neutron/v2.0/quotas/{PROJECT}/details": {
                "quota": {"floatingip": {"used": 1, "limit": 5, "reserved": 0}, "security_group": {"limit": -1}}
            },
        }.get(path)
        return (200, found) if found else (404, {})

    def _login(self, user: dict[str, Any]) -> tuple[int, Any]:
        if self.passwords.get(user["name"], "") != user["password"]:
            return 401, {"error": {"code": 401, "message": "The request you have made requires authentication."}}
        base = self.elsewhere or self.address
        services = {"image": "glance/v2", "compute": "nova/v2.1", "network": "neutron"}
        catalog = []
        for kind, path in services.items():
            endpoint = {"interface": "public", "url": f"{base}/{path}", "region": "R", "region_id": "R", "id": kind}
            catalog.append({"type": kind, "name": kind, "id": kind, "endpoints": [endpoint]})
        token = {
            "catalog": catalog, "methods": ["password"], "expires_at": "2999-01-01T00:00:00.000000Z",
            "issued_at": "2026-01-01T00:00:00.000000Z", "roles": [], "user": {"id": "u", "name": user["name"]},
            "project": {"id": PROJECT, "name": "demo", "domain": {"id": "default", "name": "Default"}},
        }  # fmt: skip
        return 201, {"token": token}

    def stop(self) -> None:
        """End it."""
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service asks of EGI's information service, for tests: sites, their projects, their images."""

from __future__ import annotations

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


def access_token(seconds: float = 600) -> str:
    """Return what looks like an access token that expires after some time."""
    payload = base64.urlsafe_b64encode(json.dumps({"exp": time.time() + seconds}).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJSUzI1NiJ9.{payload}.c2lnbmF0dXJl"


class FakeEgi:
    """`keystones`: site -> address. `projects`: site -> VO -> project. `images`: (site, VO) -> list of images.

    `broken` is "" or how it misbehaves: "error", "page", "slow".
    """

    def __init__(self) -> None:
        self.keystones: dict[str, str] = {}
        self.projects: dict[str, dict[str, str]] = {}
        self.images: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.calls: list[str] = []
        self.broken = ""
        egi = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                egi.calls.append(self.path)
                if egi.broken == "slow":
                    time.sleep(2)
                found = egi.answer(self.path)
                text = "<html>" if egi.broken == "page" else json.dumps({"detail": "x"} if found is None else found)
                self.send_response(500 if egi.broken == "error" else 404 if found is None else 200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def add(self, site: str, keystone: str, **projects: str) -> None:
        """Have a site with projects."""
        self.keystones[site], self.projects[site] = keystone, {vo.replace("_", "."): p for vo, p in projects.items()}

    def answer(self, path: str) -> Any:
        """Answer a call, None for 404."""
        parts = urlsplit(path)
        words = [unquote(word) for word in parts.path.split("/")[1:]]
        if words == ["sites", ""]:
            vo = parse_qs(parts.query)["vo_name"][0]
            return [self._site(name) for name, projects in self.projects.items() if vo in projects]
        if len(words) < 3 or words[0] != "site" or words[1] not in self.keystones:
            return None
        if words[2:] == [""]:
            return self._site(words[1])
        if words[2:] == ["projects"]:
            return [{"name": vo, "id": project} for vo, project in self.projects[words[1]].items()]
        if len(words) == 4 and words[3] == "images":
            return self.images.get((words[1], words[2]), [])
        return None

    def _site(self, name: str) -> dict[str, Any]:
        url = self.keystones[name]
        return {"id": f"{name}-1", "name": name, "url": url, "hostname": urlsplit(url).hostname, "state": ""}

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

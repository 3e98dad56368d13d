# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's own interface: JSON over HTTP on this machine, for tests and for the services."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_LOG = logging.getLogger("lab.openstack")
Handler = Callable[[dict[str, Any]], Any]
_REFUSED = 400


class Control:
    """Serves functions by their names: POST /lab/NAME with a JSON mapping."""

    def __init__(self, functions: Mapping[str, Handler], port: int = 0) -> None:
        self._server = _Server(("127.0.0.1", port), _request_handler(functions))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="control")

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def _request_handler(functions: Mapping[str, Handler]) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size) if size else b"{}"
            name = self.path.removeprefix("/lab/")
            status, value = _call(functions, name, body)
            data = json.dumps(value, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            return

    return Requests


def _call(functions: Mapping[str, Handler], name: str, body: bytes) -> tuple[int, Any]:
    if name not in functions:
        return 404, {"error": f"there is no /lab/{name}"}
    try:
        return 200, functions[name](json.loads(body or b"{}"))
    except Exception as error:
        if not isinstance(error, (ValueError, TypeError)):
            _LOG.error("%s: %s", name, error, exc_info=not hasattr(error, "expected"))
        return _REFUSED, {"error": str(error) or repr(error)}

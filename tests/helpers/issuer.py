# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small issuer of OIDC tokens on this machine, for tests."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey


class Issuer:
    """Publishes its keys and signs tokens."""

    def __init__(self) -> None:
        self.keys = [self._new("one")]
        self.asked = 0
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                if self.path.endswith("/jwks"):
                    body: Any = KeySet(list(issuer.keys)).as_dict(private=False)
                else:
                    body = {"issuer": issuer.address, "jwks_uri": f"{issuer.address}/jwks"}
                data = json.dumps(body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_arguments: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @staticmethod
    def _new(name: str) -> RSAKey:
        return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})

    def token(self, key: RSAKey | None = None, **claims: Any) -> str:
        """Return a signed token."""
        present = int(time.time())
        values = {"iss": self.address, "sub": "alice-1", "aud": "im", "iat": present, "exp": present + 300, **claims}
        chosen = key or self.keys[-1]
        return jwt.encode({"alg": "RS256", "kid": chosen.kid}, values, chosen)

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.keys = [self._new("two")]

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does for keystone what Apache's mod_auth_openidc does at sites: checks an access token and passes its claims on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
_PATH = re.compile(r"/v3/OS-FEDERATION/identity_providers/[^/]+/protocols/openid/auth/?")
_PREFIX = "HTTP_OIDC_"


class ResourceServer:
    """Lets requests for a federated login through when they bear a token that the issuer signed and that is valid."""

    def __init__(self, application: Application, issuer_file: str) -> None:
        self._application, self._file = application, Path(issuer_file)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for name in [name for name in environ if name.startswith(_PREFIX)]:
            del environ[name]  # only we may say so
        if not _PATH.fullmatch(str(environ.get("PATH_INFO", ""))):
            return self._application(environ, start_response)
        try:
            claims = self._claims(str(environ.get("HTTP_AUTHORIZATION", "")))
        except Exception as error:
            headers = [("Content-Type", "text/plain"), ("WWW-Authenticate", f'Bearer error="invalid_token", "{error}"')]
            start_response("401 Unauthorized", headers)
            return [f"The access token is refused: {error}".encode()]
        environ["REMOTE_USER"] = claims["sub"]
        for name, value in claims.items():
            text = ";".join(str(item) for item in value) if isinstance(value, list) else str(value)
            environ[_PREFIX + name.upper()] = text
        return self._application(environ, start_response)

    def _claims(self, header: str) -> dict[str, Any]:
        import jwt

        kind, _blank, token = header.partition(" ")
        if kind.lower() != "bearer" or not token:
            raise ValueError("there is no bearer token")
        known = json.loads(self._file.read_text(encoding="utf-8"))
        keys = jwt.PyJWKSet.from_dict(known["jwks"])
        key = keys[jwt.get_unverified_header(token)["kid"]]
        needed = {"verify_aud": False, "require": ["exp", "iss", "sub"]}
        return dict(jwt.decode(token, key.key, algorithms=["RS256"], issuer=known["issuer"], options=needed))

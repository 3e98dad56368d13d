# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of the lab itself, as an administrator and past the gate: no fault strikes them, and they are not counted."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from .layout import PASSWORD, Layout

_SECONDS = 120
_VERSIONS = {"nova": "/v2.1", "neutron": "/v2.0", "glance": "/v2", "keystone": "/v3", "cinder": "/v3"}
_HEADERS = {"nova": {"X-OpenStack-Nova-API-Version": "2.79"}}
_PAUSE = 0.2


class ApiError(Exception):
    """A service refused a call; `code` is the HTTP status."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Api:
    """Speaks with the services of a lab."""

    def __init__(self, layout: Layout, user: str = "admin", project: str = "admin") -> None:
        self._layout, self._user, self._project = layout, user, project
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._token = ""
        self.project_id = ""

    def call(self, service: str, method: str, path: str, body: Any = None) -> Any:
        """Carry out a call; return the body of the answer. Raises ApiError."""
        if not self._token:
            self._log_in()
        headers = {"X-Auth-Token": self._token, **_HEADERS.get(service, {})}
        prefix = f"/{self.project_id}" if service == "cinder" else ""
        _headers, answer = self._send(service, method, f"{prefix}{path}", body, headers)
        return answer

    def delete(self, service: str, path: str) -> None:
        """Delete something that may be gone."""
        try:
            self.call(service, "DELETE", path)
        except ApiError as error:
            if error.code != 404:
                raise

    def _log_in(self) -> None:
        domain = {"name": "Default"}
        user = {"name": self._user, "password": PASSWORD, "domain": domain}
        scope = {"project": {"name": self._project, "domain": domain}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        headers, answer = self._send("keystone", "POST", "/auth/tokens", body, {})
        self._token, self.project_id = str(headers["X-Subject-Token"]), str(answer["token"]["project"]["id"])

    def _send(self, service: str, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[Any, Any]:
        url = f"{self._layout.internal(service)}{_VERSIONS[service]}{path}"
        data = None if body is None else json.dumps(body).encode()
        all_headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        request = urllib.request.Request(url, data, all_headers, method=method)  # noqa: S310 - our own services
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                text = answer.read()
                return answer.headers, json.loads(text) if text.strip() else None
        except urllib.error.HTTPError as error:
            words = error.read().decode(errors="replace")[:600]
            raise ApiError(error.code, f"{method} {url}: {error.code} {words}") from error


def wait_until(done: Callable[[], bool], seconds: float = _SECONDS) -> bool:
    """Wait until something is so; return whether it is."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(_PAUSE)
    return True

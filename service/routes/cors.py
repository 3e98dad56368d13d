# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of other origins may use the service from a browser (CORS), those that the settings name.

The service knows no cookies: who asks is in a header that the page has to send itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response, current_app, request
from werkzeug.datastructures import HeaderSet
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import RequestRedirect

ANY = "*"
# Last-Event-ID: pages that follow events by `fetch` go on with it.
REQUEST_HEADERS = ("Origin", "Accept", "Content-Type", "Authorization", "Last-Event-ID", "X-Request-ID")
ANSWER_HEADERS = ("InfID", "Location", "X-Request-ID")
_AGE_SECONDS = 600


def allow_origins(app: Flask, origins: Sequence[str]) -> None:
    """Let pages of these origins read the answers; "*" lets in all. Nothing changes without any."""
    if not origins:
        return
    allowed = frozenset(origin.rstrip("/") for origin in origins)

    @app.before_request
    def _preflight() -> Response | None:
        """A browser asks first; such questions carry no credentials."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        answer = Response(status=204)
        if _origin(allowed):
            answer.headers["Access-Control-Allow-Methods"] = ", ".join(_methods())
            answer.headers["Access-Control-Allow-Headers"] = ", ".join(REQUEST_HEADERS)
            answer.headers["Access-Control-Max-Age"] = str(_AGE_SECONDS)
        return answer

    @app.after_request
    def _tell(answer: Response) -> Response:
        origin = _origin(allowed)
        if ANY not in allowed:
            answer.vary = HeaderSet([*answer.vary, "Origin"])
        if origin:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Expose-Headers"] = ", ".join(ANSWER_HEADERS)
        # Browsers take no "*" together with credentials, and pages that nobody has named get none.
        if origin and origin != ANY:
            answer.headers["Access-Control-Allow-Credentials"] = "true"
        return answer


def _origin(allowed: frozenset[str]) -> str:
    """Return the origin to let in, "" for none."""
    asked = request.headers.get("Origin", "")
    if not asked or asked in allowed:
        return asked
    return ANY if ANY in allowed else ""


def _methods() -> list[str]:
    """Return what the address that is meant can do."""
    adapter = current_app.create_url_adapter(request)
    try:
        return sorted(adapter.allowed_methods(request.path)) if adapter is not None else []
    except (NotFound, MethodNotAllowed, RequestRedirect):
        return []

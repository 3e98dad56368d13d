# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Flask application."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import re
import time
import uuid
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy import Engine
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from .config import Config
from .db.engine import AWAY, make_engine
from .db.migrate import Schema
from .errors import ServiceError
from .infrastructures.context import Service
from .log import log_context
from .routes import clouds, infrastructures, oai, version, vms
from .routes.cors import allow_origins
from .routes.respond import Invalid, error_answer, error_of, json_answer

# Blueprints of their own: each module has `blueprint`.
_MORE = ("limits", "native", "health", "openapi")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Asked by machines; they say themselves what is wrong.
_ALWAYS = ("/healthz", "/readyz")
_AWAY = "The database does not answer at the moment. Try again in a few seconds."
_RETRY_SECONDS = "5"
_LOG = logging.getLogger("continuum.web")


class _Below:
    """Serves the application below a path too; without the path it answers as well."""

    def __init__(self, application: Any, root: str) -> None:
        self._application, self._root = application, root

    def __call__(self, environment: dict[str, Any], start: Any) -> Any:
        path = environment.get("PATH_INFO", "")
        if path == self._root or path.startswith(self._root + "/"):
            environment["PATH_INFO"] = path[len(self._root) :] or "/"
        return self._application(environment, start)


def create_app(config: Config, engine: Engine | None = None) -> Flask:
    """Return the application of a configuration; its database is brought up to date, later if it does not answer."""
    schema = Schema(engine, up=True) if engine else Schema(make_engine(config))
    schema.bring_up()
    app = Flask("service", static_folder=None)
    root = "/" + config.root_path.strip("/") if config.root_path.strip("/") else ""
    app.config.update(
        CONTINUUM_ROOT=root,
        MAX_CONTENT_LENGTH=config.max_body_bytes,
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    app.url_map.strict_slashes = True
    app.extensions["continuum"] = Service.of(config, schema.engine)
    for module in (infrastructures, vms, clouds, version, oai):
        app.register_blueprint(module.blueprint)
    for name in _MORE:
        if importlib.util.find_spec(f"service.routes.{name}") is not None:
            app.register_blueprint(importlib.import_module(f"service.routes.{name}").blueprint)
    _add_errors(app)
    _add_logs(app)
    _add_schema(app, schema)
    allow_origins(app, config.cors_origins)
    if root:
        app.wsgi_app = _Below(app.wsgi_app, root)  # type: ignore[method-assign, assignment]
    if config.trusted_proxies:
        count = config.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)  # type: ignore[method-assign]
    return app


def _add_errors(app: Flask) -> None:
    @app.errorhandler(ServiceError)
    def _service_error(error: ServiceError) -> Response:
        return error_of(error)

    @app.errorhandler(Invalid)
    def _invalid(error: Invalid) -> Response:
        return json_answer({"detail": error.detail}, 422)

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        if error.code == 413:
            limit = app.config["MAX_CONTENT_LENGTH"]
            return error_answer(413, f"The body is longer than {limit} bytes.")
        found = json_answer({"detail": error.name}, error.code or 500)
        if error.code == 405 and getattr(error, "valid_methods", None):
            found.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # type: ignore[attr-defined]
        return found

    def _away(error: Exception) -> Response:
        _LOG.warning("the database does not answer", extra={"error": type(error).__name__})
        return error_answer(503, _AWAY)

    for kind in AWAY:
        app.register_error_handler(kind, _away)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        _LOG.error("a request failed unexpectedly", exc_info=error)
        return error_answer(500, f"Something in this service is wrong. The request was {g.get('request_id', '-')}.")


def _add_schema(app: Flask, schema: Schema) -> None:
    @app.before_request
    def _up() -> Response | None:
        if schema.bring_up() or request.path in _ALWAYS:
            return None
        return error_answer(503, _AWAY)


def _add_logs(app: Flask) -> None:
    @app.before_request
    def _begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.begun = time.monotonic()

    @app.after_request
    def _end(answer: Response) -> Response:
        answer.headers["X-Request-ID"] = g.get("request_id", "")
        answer.headers.setdefault("X-Content-Type-Options", "nosniff")
        answer.headers.setdefault("Cache-Control", "no-store")
        if answer.status_code == 503:
            answer.headers.setdefault("Retry-After", _RETRY_SECONDS)
        seconds = round(time.monotonic() - g.get("begun", time.monotonic()), 4)
        facts = {"method": request.method, "path": request.path, "status": answer.status_code, "seconds": seconds}
        with log_context(request_id=g.get("request_id", "")):
            _LOG.info("request", extra={**facts, "user": g.get("user", "")})
        return answer

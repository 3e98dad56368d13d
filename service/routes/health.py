# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/healthz, /readyz and /metrics: for those who run the service. They show nothing of anybody."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ..config import Config
from ..db.engine import read_scope
from ..db.models import Operation, now
from .figures import count_request, registry_of
from .guard import service
from .respond import json_answer
from .version import version

blueprint = Blueprint("health", __name__)
_PATIENCE = timedelta(seconds=60)
_METRICS = "continuum_metrics"


@blueprint.after_app_request
def _count(answer: Response) -> Response:
    seconds = time.monotonic() - g.get("begun", time.monotonic())
    count_request(request.method, request.endpoint, answer.status_code, seconds)
    return answer


@blueprint.get("/healthz")
def healthz() -> Response:
    """Say that this process answers."""
    return json_answer({"status": "ok", "version": version()})


@blueprint.get("/readyz")
def readyz() -> Response:
    """Say whether requests can be served and operations run, and if not, why."""
    reasons = problems(service().config, service().engine)
    return json_answer({"status": "not ready" if reasons else "ready", "reasons": reasons}, 503 if reasons else 200)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Show figures in the form of Prometheus."""
    registry = current_app.extensions.get(_METRICS)
    if registry is None:
        registry = current_app.extensions[_METRICS] = registry_of(service().engine)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def problems(config: Config, engine: Engine) -> list[str]:
    """Return why the service is not ready; nothing when it is."""
    found = []
    if not os.access(config.home, os.W_OK | os.X_OK):
        found.append("The folder of the service cannot be written to.")
    try:
        with read_scope(engine) as session:
            waiting = _waiting(session, config)
    except SQLAlchemyError as error:
        return [*found, f"The database does not answer ({type(error).__name__})."]
    if waiting:
        found.append(f"Operations wait and no worker takes them: {waiting}.")
    return found


def _waiting(session: Session, config: Config) -> int:
    """How many operations have waited for long although nothing hinders them and workers should be free."""
    running = _number(session, Operation.state == "running")
    if running >= max(1, config.workers):
        return 0
    return _number(
        session,
        Operation.state == "queued",
        Operation.reason == "",
        Operation.not_before.is_(None),
        Operation.created_at < now() - _PATIENCE,
    )


def _number(session: Session, *conditions: Any) -> int:
    return int(session.scalar(select(func.count()).select_from(Operation).where(*conditions)) or 0)

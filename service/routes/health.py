# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/healthz, /readyz and /metrics: for those who run the service. They show nothing of anybody."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ..config import Config
from ..db.engine import read_scope
from ..db.models import Event, Infrastructure, Operation, Vm, now
from .guard import service
from .respond import json_answer
from .version import version

blueprint = Blueprint("health", __name__)
_PATIENCE = timedelta(seconds=60)
_FRESH_SECONDS = 2.0
_METRICS = "continuum_metrics"


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
        registry = current_app.extensions[_METRICS] = CollectorRegistry()
        registry.register(Figures(service().engine))
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
    running = _count(session, Operation.state == "running")
    if running >= max(1, config.workers):
        return 0
    return _count(
        session,
        Operation.state == "queued",
        Operation.reason == "",
        Operation.not_before.is_(None),
        Operation.created_at < now() - _PATIENCE,
    )


def _count(session: Session, *conditions: Any) -> int:
    return int(session.scalar(select(func.count()).select_from(Operation).where(*conditions)) or 0)


class Figures(Collector):
    """Figures out of the database. They are the same in every process, and asked for at most every few seconds."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._at = 0.0
        self._known: list[Metric] = []

    def describe(self) -> Iterator[Metric]:
        """Nothing is known in advance: the database need not be there yet."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Give the figures."""
        with self._lock:
            if not self._known or time.monotonic() - self._at > _FRESH_SECONDS:
                with read_scope(self._engine) as session:
                    self._known = _figures(session)
                self._at = time.monotonic()
            known = self._known
        yield from known


def _figures(session: Session) -> list[Metric]:
    last_operation = session.scalar(select(func.max(Operation.id))) or 0
    last_event = session.scalar(select(func.max(Event.id))) or 0
    alive = select(func.count()).select_from(Infrastructure).where(Infrastructure.deleted_at.is_(None))
    vms = select(Vm.state, func.count()).where(Vm.deleted_at.is_(None)).group_by(Vm.state)
    unfinished = {
        state: _count(session, Operation.state == state) for state in ("queued", "running")
    }  # by an index: how many have ended costs nothing
    oldest = session.scalar(select(func.min(Operation.created_at)).where(Operation.state == "queued"))
    hosts = GaugeMetricFamily("continuum_vms", "Hosts as they were last seen.", labels=["state"])
    for state, count in session.execute(vms):
        hosts.add_metric([state], count)
    operations = GaugeMetricFamily("continuum_operations_unfinished", "Operations to be done.", labels=["state"])
    for state, count in unfinished.items():
        operations.add_metric([state], count)
    seconds = (now() - oldest).total_seconds() if oldest else 0.0
    return [
        GaugeMetricFamily("continuum_infrastructures", "Infrastructures.", session.scalar(alive) or 0),
        hosts,
        operations,
        GaugeMetricFamily(
            "continuum_queue_oldest_seconds", "How long the oldest operation has waited.", max(0.0, seconds)
        ),
        CounterMetricFamily("continuum_operations", "Operations ever asked for.", last_operation),
        CounterMetricFamily("continuum_events", "Events ever written.", last_event),
    ]

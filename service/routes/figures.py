# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of /metrics: what the database knows, the same in every process, and what requests there were.

What has ended is counted over a window of time, not for ever: old rows are deleted, and a counter must not fall.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from ..db.engine import read_scope
from ..db.models import Event, Infrastructure, Operation, Vm, now

# Where several web processes keep their figures of requests (prometheus_client reads it when it is imported).
SHARED = "PROMETHEUS_MULTIPROC_DIR"
_FRESH_SECONDS = 2.0
_ENDED_WINDOW = timedelta(hours=1)
_TASKS_WINDOW = timedelta(minutes=5)
# Only so many of the newest operations are looked at: their ids are an index, the times when they ended are not.
_LATEST = 5000
_QUANTILES = (0.5, 0.95)
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS")
_REQUESTS = CollectorRegistry()
_COUNT = Counter(
    "continuum_http_requests", "Requests that were answered.", ["method", "endpoint", "status"], registry=_REQUESTS
)
_SECONDS = Histogram(
    "continuum_http_request_seconds",
    "Time until the answer to a request began.",
    ["method"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=_REQUESTS,
)


def count_request(method: str, endpoint: str | None, status: int, seconds: float) -> None:
    """Count an answered request. Labels come from our own lists only: nobody can make up new ones."""
    known = method if method in _METHODS else "other"
    # A process whose master was killed answers for a moment longer, though its folder is gone: that is no error.
    with contextlib.suppress(OSError):
        _COUNT.labels(known, endpoint or "none", str(status)).inc()
        _SECONDS.labels(known).observe(seconds)


def registry_of(engine: Engine) -> CollectorRegistry:
    """Return all figures."""
    found = CollectorRegistry()
    found.register(Figures(engine))
    if os.environ.get(SHARED):
        MultiProcessCollector(found)  # type: ignore[no-untyped-call]
    else:
        found.register(_COUNT)
        found.register(_SECONDS)
    return found


class Figures(Collector):
    """Figures out of the database, asked for at most every few seconds."""

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
                    self._known = [*_present(session), *_ended(session), _tasks(session)]
                self._at = time.monotonic()
            known = self._known
        yield from known


def _present(session: Session) -> list[Metric]:
    """What is there now."""
    last_operation = session.scalar(select(func.max(Operation.id))) or 0
    last_event = session.scalar(select(func.max(Event.id))) or 0
    alive = select(func.count()).select_from(Infrastructure).where(Infrastructure.deleted_at.is_(None))
    vms = select(Vm.state, func.count()).where(Vm.deleted_at.is_(None)).group_by(Vm.state)
    hosts = GaugeMetricFamily("continuum_vms", "Hosts as they were last seen.", labels=["state"])
    for state, count in session.execute(vms):
        hosts.add_metric([state], count)
    operations = GaugeMetricFamily("continuum_operations_unfinished", "Operations to be done.", labels=["state"])
    for state in ("queued", "running"):  # by an index: how many have ended costs nothing
        unfinished = select(func.count()).select_from(Operation).where(Operation.state == state)
        operations.add_metric([state], session.scalar(unfinished) or 0)
    oldest = session.scalar(select(func.min(Operation.created_at)).where(Operation.state == "queued"))
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


def _ended(session: Session) -> list[Metric]:
    """What has ended in the last hour: how many of which kind, and how long they took."""
    counts = GaugeMetricFamily(
        "continuum_operations_last_hour", "Operations that ended in the last hour.", labels=["kind", "state"]
    )
    times = GaugeMetricFamily(
        "continuum_operation_seconds",
        "How long operations took that were done in the last hour.",
        labels=["kind", "quantile"],
    )
    newest = (session.scalar(select(func.max(Operation.id))) or 0) - _LATEST
    found: dict[tuple[str, str], int] = {}
    took: dict[str, list[float]] = {}
    columns = (Operation.kind, Operation.state, Operation.started_at, Operation.finished_at)
    query = select(*columns).where(Operation.id > newest, Operation.finished_at > now() - _ENDED_WINDOW)
    for kind, state, started, finished in session.execute(query):
        found[kind, state] = found.get((kind, state), 0) + 1
        if state == "done" and started and finished:
            took.setdefault(kind, []).append((finished - started).total_seconds())
    for (kind, state), count in sorted(found.items()):
        counts.add_metric([kind, state], count)
    for kind, seconds in sorted(took.items()):
        for quantile in _QUANTILES:
            at = sorted(seconds)[min(len(seconds) - 1, int(quantile * len(seconds)))]
            times.add_metric([kind, str(quantile)], at)
    return [counts, times]


def _tasks(session: Session) -> Metric:
    tasks = GaugeMetricFamily(
        "continuum_tasks_last_minutes", "Tasks of Ansible that ended in the last five minutes.", labels=["status"]
    )
    query = (
        select(Event.status, func.count())
        .where(Event.at > now() - _TASKS_WINDOW, Event.task != "")
        .group_by(Event.status)
    )
    for status, count in session.execute(query):
        tasks.add_metric([status], count)
    return tasks

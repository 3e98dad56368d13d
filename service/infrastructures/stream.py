# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of an infrastructure as they happen, in the form of server-sent events.

The id of an event is the id of its row. A client that was cut off names the last one that it has, and misses none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select

from ..db.engine import AWAY, read_scope
from ..db.models import Event, Infrastructure, Operation
from .watch import Wait, watch_of

AT_ONCE = 500
LONGEST = 3600.0
_AWAY_PAUSE = 2.0
_KEEP_ALIVE = 10.0
_RETRY_MILLISECONDS = 2000


@dataclass(frozen=True)
class Look:
    """What is there at a moment: events after an id, the last operation, whether that was all."""

    events: list[dict[str, Any]]
    operation: dict[str, Any] | None
    idle: bool
    gone: bool


def look(engine: Engine, key: str, after: int, limit: int = AT_ONCE) -> Look:
    """Return what came after the event `after`. It costs the same however many events there are."""
    with read_scope(engine) as session:
        # First the operation, then the events: what an operation that has ended told is there then.
        infrastructure = session.get(Infrastructure, key)
        query = select(Operation).where(Operation.infrastructure_id == key).order_by(Operation.id.desc()).limit(1)
        last = session.scalar(query)
        rows = session.scalars(
            select(Event).where(Event.infrastructure_id == key, Event.id > after).order_by(Event.id).limit(limit)
        )
        events = [as_data(row) for row in rows]
    gone = infrastructure is None or infrastructure.deleted_at is not None
    return Look(events, _operation(last) if last else None, last is None or last.finished, gone)


def as_data(event: Event) -> dict[str, Any]:
    """Return an event as plain data."""
    return {
        "id": event.id,
        "at": event.at.isoformat(),
        "operation": event.operation_id,
        "phase": event.phase,
        "host": event.host,
        "task": event.task,
        "status": event.status,
        "seconds": event.seconds,
        "message": event.message,
    }


def follow(engine: Engine, key: str, after: int, until_idle: bool = False, longest: float = LONGEST) -> Iterator[str]:
    """Give events as text for a stream, until the infrastructure is gone or the time is over.

    With `until_idle` it ends when nothing is left to be done. The operation is told, without an id, when it changes.
    """
    watch = watch_of(engine)
    with watch.follow(engine, key) as followed:
        yield from _told(engine, key, after, until_idle, longest, Wait(watch, followed))


def _told(engine: Engine, key: str, after: int, until_idle: bool, longest: float, wait: Wait) -> Iterator[str]:
    end, spoke, told = time.monotonic() + longest, time.monotonic(), None
    yield f"retry: {_RETRY_MILLISECONDS}\n\n"
    while time.monotonic() < end:
        wait.looks()
        try:
            found = look(engine, key, after)
        except AWAY:
            # Nothing is missed: it goes on where it was when the database is there again.
            yield ": the database does not answer\n\n"
            time.sleep(_AWAY_PAUSE)
            continue
        parts = [message(item, identity=item["id"]) for item in found.events]
        if found.operation is not None and found.operation != told:
            told = found.operation
            parts.append(message(told, kind="operation"))
        if found.events:
            after = found.events[-1]["id"]
        elif found.gone or (until_idle and found.idle):
            yield "".join([*parts, message({"reason": "gone" if found.gone else "idle"}, kind="end")])
            return
        if parts:
            spoke = time.monotonic()
            yield "".join(parts)
        elif time.monotonic() - spoke >= _KEEP_ALIVE:
            spoke = time.monotonic()
            yield ": still here\n\n"
        if len(found.events) < AT_ONCE:
            wait(min(spoke + _KEEP_ALIVE, end) - time.monotonic())


def message(data: dict[str, Any], kind: str = "", identity: int | None = None) -> str:
    """Return one server-sent event."""
    lines = [f"id: {identity}"] if identity is not None else []
    lines += [f"event: {kind}"] if kind else []
    # JSON has no line ends of its own, so that the data is one line.
    return "\n".join([*lines, f"data: {json.dumps(data, ensure_ascii=True)}"]) + "\n\n"


def _operation(item: Operation) -> dict[str, Any]:
    return {
        "id": item.id,
        "kind": item.kind,
        "state": item.state,
        "reason": item.reason,
        "progress": item.progress,
    }

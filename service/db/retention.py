# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forgetting what is old: events after some days, deleted infrastructures with all that is theirs after some more."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select

from ..config import Config
from .engine import session_scope
from .models import Event, Infrastructure, now

_AT_ONCE = 1000


def forget_old(engine: Engine, config: Config, at: datetime | None = None) -> tuple[int, int]:
    """Delete what is too old, in small steps so that nobody waits; return the numbers of events and infrastructures."""
    at = at or now()
    events = _in_steps(engine, Event, Event.at < at - timedelta(days=config.keep_events_days))
    old = Infrastructure.deleted_at < at - timedelta(days=config.keep_deleted_days)
    return events, _in_steps(engine, Infrastructure, old, 20)


def _in_steps(engine: Engine, model: type[Event] | type[Infrastructure], old: object, at_once: int = _AT_ONCE) -> int:
    total = 0
    while True:
        with session_scope(engine) as session:
            # Another service may do the same at this moment: what it has taken is passed over.
            query = select(model.id).where(old).limit(at_once).with_for_update(skip_locked=True)  # type: ignore[arg-type]
            ids = list(session.scalars(query))
            if ids:
                session.execute(delete(model).where(model.id.in_(ids)).execution_options(synchronize_session=False))
        total += len(ids)
        if len(ids) < at_once:
            return total

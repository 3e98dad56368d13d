# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Infrastructures and events that look as if they had been made by users, written through the models of the service."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from service.auth.identity import Member
from service.db.engine import read_scope, session_scope
from service.db.models import Event, Infrastructure, Operation, Owner, Secret, Vm, new_id, now
from sqlalchemy import Engine, func, insert, select
from sqlalchemy.orm import Session

# The infrastructure that is measured gets one of so many events.
_SHARE = 5
_AT_ONCE = 10_000
_PEOPLE = 5


def seed(engine: Engine, like: str, measured: str, operator: Member, infrastructures: int, events: int) -> list[str]:
    """Fill up to so many infrastructures and events; return the ids of all that are there.

    New ones are as `like`. `operator` owns all of them, one of five comes from the same user. A fifth of the events is
    about `measured`.
    """
    with session_scope(engine) as session:
        present = list(session.scalars(select(Infrastructure.id)))
        keys = [new_id() for _number in range(infrastructures - len(present))]
        _copy(session, like, keys, operator)
        known = set(session.scalars(select(Owner.infrastructure_id).where(Owner.identity == operator.key)))
        owners = [_owner(key, operator, 1) for key in present if key not in known]
        if owners:
            session.execute(insert(Owner), owners)
    everybody = [*present, *keys]
    with read_scope(engine) as session:
        missing = events - (session.scalar(select(func.count()).select_from(Event)) or 0)
        operations = dict(session.execute(select(Operation.infrastructure_id, func.max(Operation.id)).group_by(
            Operation.infrastructure_id)).all())  # fmt: skip
        generation = session.scalar(select(Infrastructure.generation).where(Infrastructure.id == measured)) or 0
    rows = [
        _event(measured if number % _SHARE == 0 else everybody[number % len(everybody)], number, operations, generation)
        for number in range(missing)
    ]
    for start in range(0, len(rows), _AT_ONCE):
        with session_scope(engine) as session:
            session.execute(insert(Event), rows[start : start + _AT_ONCE])
    return everybody


def _copy(session: Session, like: str, keys: Sequence[str], operator: Member) -> None:
    one = session.get_one(Infrastructure, like)
    columns = [item.name for item in Infrastructure.__table__.columns]
    base = {name: getattr(one, name) for name in columns}
    session.execute(insert(Infrastructure), [{**base, "id": key, "name": f"im-{key}"} for key in keys])
    owners = [_owner(key, operator, 1) for key in keys]
    for index, key in enumerate(keys):
        name = f"user{index // _PEOPLE}"
        owners.append(_owner(key, Member(name, f"bench:{name}"), 0))
    session.execute(insert(Owner), owners)
    for model in (Vm, Operation, Secret):
        own = _of(session, model, like)
        names = [item.name for item in model.__table__.columns if item.name not in ("id", "infrastructure_id")]
        rows = [
            {**{name: getattr(item, name) for name in names}, "infrastructure_id": key} for item in own for key in keys
        ]
        if rows:
            session.execute(insert(model), rows)


def _of(session: Session, model: Any, key: str) -> list[Any]:
    return list(session.scalars(select(model).where(model.infrastructure_id == key)))


def _owner(key: str, member: Member, position: int) -> dict[str, Any]:
    return {"infrastructure_id": key, "user": member.user, "identity": member.key, "position": position}


def _event(key: str, number: int, operations: dict[str, int], generation: int) -> dict[str, Any]:
    return {
        "infrastructure_id": key,
        "operation_id": operations.get(key),
        "generation": generation,
        "at": now() - timedelta(seconds=3600),
        "phase": "configure",
        "host": f"vnode-{number % 3}",
        "task": f"Install package {number % 50}",
        "status": "changed" if number % 3 else "ok",
        "seconds": 0.5,
        "message": "The package was installed and its service was started.",
    }


def tell(engine: Engine, key: str) -> None:
    """Write one event, with the time at which it is written."""
    with session_scope(engine) as session:
        session.add(Event(infrastructure_id=key, phase="configure", status="info", message=f"sent {time.time():.3f}"))

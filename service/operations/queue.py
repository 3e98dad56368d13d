# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue: operations of an infrastructure run one at a time, in the order of their ids.

A worker *claims* an operation: a lease for some seconds, and a fence that grows with each claim. It renews the lease
by *heartbeats*. A lease that ran out is taken over by the next claim; what the old worker still writes is refused,
since its fence is an old one. Every change of a claim is one UPDATE whose WHERE has the fence, so it is right on any
database; a partial unique index makes sure that an infrastructure never has two running operations. Where the database
has row locks workers pass over what others are just claiming. Whoever writes more than a lease holds the row of the
infrastructure first (see db.engine).

`delete` overtakes: it cancels what is queued and asks what is running to stop.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, func, or_, select, update
from sqlalchemy.orm import Session

from ..db.engine import AWAY, hold, read_scope
from ..db.models import UNFINISHED, Event, Infrastructure, Operation, now
from ..errors import Conflict, NotFound

KINDS = ("create", "add", "remove", "alter", "reconfigure", "start", "stop", "reboot", "snapshot", "delete")
# These configure hosts: each begins a new generation of the log.
CONFIGURING = ("create", "add", "remove", "alter", "reconfigure")
WAITS_FOR_CREDENTIALS = "waits for credentials: repeat any request with them"
Sign = Literal["go", "stop", "lost"]


def enqueue(
    session: Session,
    infrastructure: Infrastructure,
    kind: str,
    arguments: dict[str, Any],
    user: str,
    *,
    credentials: str = "",
    request_id: str = "",
) -> Operation:
    """Add an operation and return it; it has its id, and is seen by workers once the session is committed.

    `arguments` go into a row: no secrets. `credentials` names the cloud whose credentials the run needs; put them into
    the vault before. The caller writes `infrastructure.wanted` in the same transaction. Raises `Conflict` when the
    infrastructure is being deleted; a second `delete` returns the first.

    Arguments by kind: `reconfigure: true` runs every step again; start, stop, reboot: `hosts`, a list of vm_ids
    (empty = all); snapshot: `vm_id`, `name`, `auto_delete`; delete: `force`; others: none.
    """
    if kind not in KINDS:
        raise ValueError(kind)
    # The order of operations is decided here.
    hold(session, infrastructure.id)
    infrastructure.updated_at = now()
    deletion = session.scalar(
        select(Operation).where(
            Operation.infrastructure_id == infrastructure.id,
            Operation.kind == "delete",
            Operation.state.in_(UNFINISHED),
        )
    )
    if deletion is not None:
        if kind == "delete":
            return deletion
        raise Conflict("The infrastructure is being deleted.")
    if kind == "delete":
        _overtake(session, infrastructure, user)
        infrastructure.state_override = "deleting"
    operation = Operation(
        infrastructure_id=infrastructure.id,
        kind=kind,
        arguments=arguments,
        user=user,
        credentials=credentials,
        request_id=request_id,
    )
    session.add(operation)
    session.flush()
    note(session, operation, f"{kind} was asked for by {user}" if user else f"{kind} was asked for")
    return operation


def _overtake(session: Session, infrastructure: Infrastructure, user: str) -> None:
    _cancel(session, infrastructure, f"cancelled: {user or 'somebody'} asked to delete the infrastructure")


def _cancel(session: Session, infrastructure: Infrastructure, reason: str) -> None:
    mine = Operation.infrastructure_id == infrastructure.id
    session.execute(
        update(Operation)
        .where(mine, Operation.state == "queued")
        .values(state="cancelled", reason=reason, finished_at=now())
        .execution_options(synchronize_session="fetch")
    )
    session.execute(
        update(Operation)
        .where(mine, Operation.state == "running")
        .values(stop=reason)
        .execution_options(synchronize_session="fetch")
    )


def abandon(session: Session, infrastructure: Infrastructure, reason: str) -> None:
    """Cancel what is queued and stop what is running; the cloud is left as it is (they move away)."""
    _cancel(session, infrastructure, reason)


def note(session: Session, operation: Operation, message: str, status: str = "info") -> None:
    """Write an event of the service itself about an operation."""
    generation = session.scalar(
        select(Infrastructure.generation).where(Infrastructure.id == operation.infrastructure_id)
    )
    session.add(
        Event(
            infrastructure_id=operation.infrastructure_id,
            operation_id=operation.id,
            generation=generation or 0,
            phase="service",
            status=status,
            message=message,
        )
    )


def copy_event(row: Event) -> Event:
    """Return a new row like one that a session has failed to write."""
    names = ("infrastructure_id", "operation_id", "generation", "at", "phase", "host", "task", "status", "seconds")
    return Event(**{name: row.__dict__[name] for name in (*names, "message")})


def claim(
    session: Session,
    worker: str,
    at: datetime | None = None,
    lease_seconds: float = 30.0,
    operation_id: int | None = None,
) -> Operation | None:
    """Return an operation that now belongs to `worker`, None when there is nothing to do. Commit before work begins.

    With `operation_id` only that one is taken.
    """
    at = at or now()
    for found in _candidates(session, at, operation_id, take=True):
        taken = session.execute(
            update(Operation)
            .where(Operation.id == found.id, Operation.fence == found.fence, Operation.state == found.state)
            .values(
                state="running",
                worker=worker,
                fence=found.fence + 1,
                attempts=found.attempts + 1,
                lease_until=at + timedelta(seconds=lease_seconds),
                started_at=found.started_at or at,
                not_before=None,
                reason="",
            )
            .execution_options(synchronize_session=False)
        )
        if taken.rowcount == 1:  # type: ignore[attr-defined]
            session.expire(found)
            return session.get(Operation, found.id)
    return None


def something_to_do(session: Session, operation_id: int | None = None) -> bool:
    """True when `claim` would find something. A look that makes nobody wait, for workers without work."""
    return bool(_candidates(session, now(), operation_id))


def _candidates(session: Session, at: datetime, only: int | None, take: bool = False) -> list[Operation]:
    """Return one operation that may be claimed, if any: only ever the first unfinished one of an infrastructure.

    To `take` one passes over those, and their infrastructures, that somebody else is changing.
    """
    first = (
        select(func.min(Operation.id))
        .where(Operation.state.in_(UNFINISHED))
        .group_by(Operation.infrastructure_id)
        .scalar_subquery()
    )
    ready = or_(
        (Operation.state == "queued") & or_(Operation.not_before.is_(None), Operation.not_before <= at),
        (Operation.state == "running") & (Operation.lease_until < at),
    )
    query = select(Operation).where(Operation.id.in_(first), ready).order_by(Operation.id).limit(1)
    if take:
        query = query.join(Infrastructure).with_for_update(
            of=(Operation, Infrastructure), skip_locked=True, key_share=True
        )
    return list(session.scalars(query if only is None else query.where(Operation.id == only)))


def heartbeat(session: Session, operation_id: int, fence: int, lease_seconds: float = 30.0) -> Sign:
    """Renew a lease. "go": all is well; "stop": end the run early; "lost": it belongs to somebody else now."""
    renewed = session.execute(
        update(Operation)
        .where(Operation.id == operation_id, Operation.fence == fence, Operation.state == "running")
        .values(lease_until=now() + timedelta(seconds=lease_seconds))
        .execution_options(synchronize_session=False)
    )
    if renewed.rowcount != 1:  # type: ignore[attr-defined]
        return "lost"
    return "stop" if session.scalar(select(Operation.stop).where(Operation.id == operation_id)) else "go"


def finish(
    session: Session, operation_id: int, fence: int, state: str, reason: str = "", result: dict[str, Any] | None = None
) -> bool:
    """End a claimed operation as done, failed or cancelled; False when it belongs to somebody else now.

    Call it first in the transaction that writes what the run brought: when it is False, write nothing.
    """
    return _move(
        session,
        operation_id,
        fence,
        {"state": state, "reason": reason, "result": result or {}, "finished_at": now(), "lease_until": None},
    )


def release(session: Session, operation_id: int, fence: int, reason: str, seconds: float, counts: bool = True) -> bool:
    """Put a claimed operation back into the queue for at least some seconds; False when it belongs to somebody else.

    Unless it `counts`, the attempt is taken back.
    """
    later = now() + timedelta(seconds=seconds)
    values: dict[str, Any] = {
        "state": "queued",
        "reason": reason,
        "lease_until": None,
        "not_before": later,
        "worker": "",
    }
    if not counts:
        values["attempts"] = Operation.attempts - 1
    return _move(session, operation_id, fence, values)


def _move(session: Session, operation_id: int, fence: int, values: dict[str, Any]) -> bool:
    owner = session.scalar(select(Operation.infrastructure_id).where(Operation.id == operation_id))
    hold(session, owner or "")
    moved = session.execute(
        update(Operation)
        .where(Operation.id == operation_id, Operation.fence == fence, Operation.state == "running")
        .values(**values)
        .execution_options(synchronize_session="fetch")
    )
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]


def expire(session: Session, workers: list[str]) -> int:
    """End the leases of workers that are known to be dead, so that nobody waits for them; return their number."""
    if not workers:
        return 0
    ended = session.execute(
        update(Operation)
        .where(Operation.state == "running", Operation.worker.in_(workers))
        .values(lease_until=now() - timedelta(seconds=1))
        .execution_options(synchronize_session=False)
    )
    return int(ended.rowcount)  # type: ignore[attr-defined]


def wake(session: Session, infrastructure_id: str) -> None:
    """Let what waits for credentials try again at once."""
    session.execute(
        update(Operation)
        .where(
            Operation.infrastructure_id == infrastructure_id,
            Operation.state == "queued",
            Operation.reason == WAITS_FOR_CREDENTIALS,
        )
        .values(not_before=None, reason="")
        .execution_options(synchronize_session="fetch")
    )


def unfinished(session: Session, infrastructure_id: str) -> list[Operation]:
    """Return the operations of an infrastructure that are running or queued, in order."""
    query = select(Operation).where(Operation.infrastructure_id == infrastructure_id, Operation.state.in_(UNFINISHED))
    return list(session.scalars(query.order_by(Operation.id)))


def why_it_waits(session: Session, operation: Operation) -> str:
    """Return one sentence why a queued operation has not begun, "" when it is not queued."""
    if operation.state != "queued":
        return ""
    before = next((item for item in unfinished(session, operation.infrastructure_id) if item.id < operation.id), None)
    if before is not None:
        return f"waits for operation {before.id} ({before.kind}), which is {before.state}"
    return operation.reason or "waits for a free worker"


def wait_for(engine: Engine, operation_id: int, timeout: float) -> Operation:
    """Wait until an operation has ended, at most `timeout` seconds; return it as it is then. Hold no transaction."""
    deadline = time.monotonic() + timeout
    pause = 0.05
    while True:
        try:
            with read_scope(engine) as session:
                operation = session.get(Operation, operation_id)
            if operation is None:
                raise NotFound("There is no such operation.")
            if operation.finished or time.monotonic() > deadline:
                return operation
        except AWAY:
            # It goes on when the database is there again; who waits learns its end.
            if time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(0.5, pause * 1.5)

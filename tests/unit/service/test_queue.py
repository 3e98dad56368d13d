# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue: order, leases, fences, overtaking."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from service.config import Config
from service.db.engine import make_engine, read_scope, session_scope
from service.db.models import Event, Infrastructure, Operation, now
from service.errors import Conflict, NotFound
from service.operations import queue
from sqlalchemy import Engine, select

pytestmark = pytest.mark.unit


@pytest.fixture
def one(engine: Engine) -> str:
    return make(engine, "im-1")


def make(engine: Engine, name: str) -> str:
    with session_scope(engine) as session:
        row = Infrastructure(name=name)
        session.add(row)
        session.flush()
        return row.id


def add(engine: Engine, infrastructure_id: str, kind: str = "create", **options: str) -> int:
    with session_scope(engine) as session:
        row = session.get_one(Infrastructure, infrastructure_id)
        return queue.enqueue(session, row, kind, {}, "ann", **options).id


def claim(engine: Engine, worker: str = "w", later: float = 0, only: int | None = None) -> Operation | None:
    with session_scope(engine) as session:
        return queue.claim(session, worker, now() + timedelta(seconds=later), 30, only)


def finish(engine: Engine, operation: Operation, state: str = "done") -> bool:
    with session_scope(engine) as session:
        return queue.finish(session, operation.id, operation.fence, state)


def beat(engine: Engine, operation: Operation) -> str:
    with session_scope(engine) as session:
        return queue.heartbeat(session, operation.id, operation.fence)


def read(engine: Engine, number: int) -> Operation:
    with read_scope(engine) as session:
        return session.get_one(Operation, number)


def test_operations_of_an_infrastructure_run_in_order(engine: Engine, one: str) -> None:
    first, second = add(engine, one), add(engine, one, "stop")
    claimed = claim(engine)
    assert claimed is not None
    assert (claimed.id, claimed.state, claimed.worker, claimed.attempts, claimed.fence) == (first, "running", "w", 1, 1)
    assert claim(engine) is None
    with read_scope(engine) as session:
        waits = queue.why_it_waits(session, session.get_one(Operation, second))
    assert waits == f"waits for operation {first} (create), which is running"
    assert finish(engine, claimed)
    following = claim(engine)
    assert following is not None
    assert following.id == second


def test_infrastructures_do_not_wait_for_each_other(engine: Engine, one: str) -> None:
    numbers = [add(engine, one), add(engine, make(engine, "im-2"))]
    assert [found.id for found in (claim(engine), claim(engine)) if found] == numbers


def test_a_lease_that_ran_out_is_taken_over_and_the_old_worker_is_refused(engine: Engine, one: str) -> None:
    add(engine, one)
    old = claim(engine, "old")
    assert old is not None
    assert claim(engine, "new", later=29) is None
    new = claim(engine, "new", later=31)
    assert new is not None
    assert (new.worker, new.fence, new.attempts, new.started_at) == ("new", 2, 2, old.started_at)
    assert beat(engine, old) == "lost"
    assert not finish(engine, old)
    assert beat(engine, new) == "go"
    assert finish(engine, new)
    assert not finish(engine, new)


def test_a_heartbeat_renews_the_lease(engine: Engine, one: str) -> None:
    add(engine, one)
    found = claim(engine, later=-29)
    assert found is not None
    assert beat(engine, found) == "go"
    assert claim(engine, "new", later=2) is None


def test_the_lease_of_a_dead_worker_is_ended(engine: Engine, one: str) -> None:
    add(engine, one)
    claim(engine, "dead")
    with session_scope(engine) as session:
        assert queue.expire(session, []) == 0
        assert queue.expire(session, ["dead", "other"]) == 1
    found = claim(engine, "new")
    assert found is not None
    assert found.worker == "new"


def test_many_workers_never_share_an_operation(config: Config, engine: Engine) -> None:
    expected = sorted(number for name in range(10) for number in [add(engine, make(engine, f"im-{name}"))])
    taken: list[int] = []

    def work() -> None:
        own = make_engine(config)
        while (found := claim(own, threading.current_thread().name)) is not None:
            taken.append(found.id)
        own.dispose()

    threads = [threading.Thread(target=work) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == expected


def test_delete_overtakes(engine: Engine, one: str) -> None:
    running, queued = add(engine, one), add(engine, one, "reconfigure")
    claimed = claim(engine)
    deletion = add(engine, one, "delete")
    assert read(engine, queued).state == "cancelled"
    assert "ann asked to delete" in read(engine, queued).reason
    assert claimed is not None
    assert beat(engine, claimed) == "stop"
    assert "ann asked to delete" in read(engine, running).stop
    assert claim(engine) is None
    assert finish(engine, claimed, "cancelled")
    following = claim(engine)
    assert following is not None
    assert following.id == deletion
    with read_scope(engine) as session:
        assert session.get_one(Infrastructure, one).state_override == "deleting"


def test_nothing_is_queued_behind_a_deletion(engine: Engine, one: str) -> None:
    deletion = add(engine, one, "delete")
    assert add(engine, one, "delete") == deletion
    with pytest.raises(Conflict):
        add(engine, one, "start")


def test_an_unknown_kind_is_an_error_of_ours(engine: Engine, one: str) -> None:
    with pytest.raises(ValueError, match="dance"):
        add(engine, one, "dance")


def test_released_operations_wait(engine: Engine, one: str) -> None:
    number = add(engine, one)
    found = claim(engine)
    assert found is not None
    with session_scope(engine) as session:
        assert queue.release(session, found.id, found.fence, "the run was lost", 60)
        assert not queue.release(session, found.id, found.fence, "again", 60)
    assert claim(engine, later=59) is None
    with read_scope(engine) as session:
        assert queue.why_it_waits(session, session.get_one(Operation, number)) == "the run was lost"
    again = claim(engine, later=61)
    assert again is not None
    assert again.attempts == 2


def test_what_waits_for_credentials_is_woken(engine: Engine, one: str) -> None:
    add(engine, one, credentials="aws")
    found = claim(engine)
    assert found is not None
    assert found.credentials == "aws"
    with session_scope(engine) as session:
        queue.release(session, found.id, found.fence, queue.WAITS_FOR_CREDENTIALS, 600, counts=False)
    assert claim(engine) is None
    with session_scope(engine) as session:
        queue.wake(session, one)
    again = claim(engine)
    assert again is not None
    assert again.attempts == 1


def test_one_operation_can_be_asked_for(engine: Engine, one: str) -> None:
    first, second = add(engine, one), add(engine, one, "stop")
    assert claim(engine, only=second) is None
    found = claim(engine, only=first)
    assert found is not None


def test_waiting_for_an_operation(engine: Engine, one: str) -> None:
    number = add(engine, one)
    assert queue.wait_for(engine, number, 0).state == "queued"
    found = claim(engine)
    assert found is not None
    timer = threading.Timer(0.2, finish, (engine, found))
    timer.start()
    assert queue.wait_for(engine, number, 60).state == "done"
    timer.join()
    with pytest.raises(NotFound):
        queue.wait_for(engine, 999, 0)


def test_asking_is_an_event(engine: Engine, one: str) -> None:
    number = add(engine, one)
    with read_scope(engine) as session:
        (event,) = session.scalars(select(Event))
    assert (event.operation_id, event.phase, event.message) == (number, "service", "create was asked for by ann")

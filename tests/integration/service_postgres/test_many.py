# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many at once, on both databases: no operation is done twice, none is lost, nobody waits in a circle."""

from __future__ import annotations

import collections
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from service.config import Config
from service.db.engine import hold, read_scope, session_scope
from service.db.models import Event, Infrastructure, Operation, now
from service.db.retention import forget_old
from service.errors import Conflict
from service.operations import queue
from sqlalchemy import Engine, select

pytestmark = pytest.mark.integration
Connect = Callable[[Config], Engine]
CLAIMERS = 8


def together(count: int, work: Callable[[int], None]) -> None:
    """Do something in many threads; what one of them raises is raised here."""
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def make(engine: Engine, count: int, *kinds: str) -> list[str]:
    found = []
    for number in range(count):
        with session_scope(engine) as session:
            row = Infrastructure(name=f"im-{number}")
            session.add(row)
            session.flush()
            found.append(row.id)
            for kind in kinds:
                queue.enqueue(session, row, kind, {}, "ann")
    return found


def claim(engine: Engine, worker: str) -> Operation | None:
    """Claim as a worker does: the row of the infrastructure changes too."""
    with session_scope(engine) as session:
        found = queue.claim(session, worker)
        if found is not None:
            session.get_one(Infrastructure, found.infrastructure_id).generation += 1
    return found


def test_many_claimers(both: Config, connect: Connect) -> None:
    engine = connect(both)
    ids = make(engine, 12, "create", "add", "stop")
    busy: collections.Counter[str] = collections.Counter()
    done: dict[str, list[int]] = collections.defaultdict(list)

    def left() -> bool:
        with read_scope(own[0]) as session:
            return session.scalar(select(Operation.id).where(Operation.state == "queued").limit(1)) is not None

    own = [connect(both) for _number in range(CLAIMERS)]

    def work(number: int) -> None:
        while (found := claim(own[number], f"w{number}")) is not None or left():
            if found is None:
                continue
            busy[found.infrastructure_id] += 1
            assert busy[found.infrastructure_id] == 1
            done[found.infrastructure_id].append(found.id)
            busy[found.infrastructure_id] -= 1
            with session_scope(own[number]) as session:
                assert queue.finish(session, found.id, found.fence, "done")
                queue.note(session, found, "done")

    together(CLAIMERS, work)
    with read_scope(engine) as session:
        rows = list(session.scalars(select(Operation).order_by(Operation.id)))
        generations = {row.generation for row in session.scalars(select(Infrastructure))}
    assert {(row.state, row.attempts, row.fence) for row in rows} == {("done", 1, 1)}
    assert {key: sorted(numbers) for key, numbers in done.items()} == done
    assert sorted(done) == sorted(ids)
    assert generations == {3}


def test_claimers_pass_over_what_others_are_taking(engine: Engine) -> None:
    make(engine, 2, "create")
    with session_scope(engine) as one, session_scope(engine) as two, session_scope(engine) as three:
        found = [queue.claim(session, "w") for session in (one, two, three)]
        assert [item.id for item in found[:2] if item] == [1, 2]
        assert found[2] is None


def test_users_and_workers_do_not_wait_in_a_circle(both: Config, connect: Connect) -> None:
    """They delete what is just claimed, told about and finished."""
    engine = connect(both)
    ids = make(engine, 6, "create")
    end = threading.Event()
    own = [connect(both) for _number in range(6)]

    def use(number: int) -> None:
        chance = random.Random(number)  # noqa: S311
        for _turn in range(30):
            with session_scope(own[number]) as session:
                key = chance.choice(ids)
                hold(session, key)
                row = session.get_one(Infrastructure, key)
                try:
                    queue.enqueue(session, row, chance.choice(["add", "reconfigure", "delete"]), {}, "ann")
                except Conflict:
                    continue

    def work(number: int) -> None:
        while (found := claim(own[number], f"w{number}")) is not None or not end.is_set():
            if found is None:
                continue
            with session_scope(own[number]) as session:
                hold(session, found.infrastructure_id)
                assert queue.heartbeat(session, found.id, found.fence) != "lost"
                queue.note(session, found, "it goes on")
            with session_scope(own[number]) as session:
                assert queue.finish(session, found.id, found.fence, "done")
                row = session.get_one(Infrastructure, found.infrastructure_id)
                row.state_override, row.failure = "", str(found.id)

    workers = threading.Thread(target=together, args=(3, lambda number: work(number + 3)))
    workers.start()
    together(3, use)
    end.set()
    workers.join()
    with read_scope(engine) as session:
        states = collections.Counter(session.scalars(select(Operation.state)))
    assert not states["queued"]
    assert not states["running"]


def test_events_are_seen_in_order(both: Config, connect: Connect) -> None:
    """Who reads after the last id that he has seen misses nothing, though many write."""
    engine = connect(both)
    (key,) = make(engine, 1)
    own = [connect(both) for _number in range(4)]
    ended = threading.Event()
    seen: list[int] = []

    def follow() -> None:
        while True:
            last = ended.is_set()
            with read_scope(engine) as session:
                query = select(Event.id).where(Event.id > (seen[-1] if seen else 0)).order_by(Event.id)
                seen.extend(session.scalars(query))
            if last:
                return

    def write(number: int) -> None:
        for _turn in range(25):
            with session_scope(own[number]) as session:
                hold(session, key)
                session.add(Event(infrastructure_id=key, at=now()))

    reader = threading.Thread(target=follow)
    reader.start()
    together(4, write)
    ended.set()
    reader.join()
    assert len(seen) == len(set(seen)) == 100


def test_two_forget_at_once(both: Config, connect: Connect) -> None:
    engine = connect(both)
    (key,) = make(engine, 1)
    with session_scope(engine) as session:
        session.add_all(Event(infrastructure_id=key, at=now() - timedelta(days=60)) for _number in range(3000))
    own = [connect(both) for _number in range(3)]
    found: list[Any] = []
    together(3, lambda number: found.append(forget_old(own[number], both)[0]))
    assert sum(found) == 3000

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked most costs few queries, and one thread looks out for all event streams."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from service.auth.identity import Identity, Member
from service.db.engine import read_link, session_scope
from service.db.models import Event, Infrastructure, Operation, Owner, Vm
from service.infrastructures import show
from service.infrastructures.context import Caller, listed
from service.infrastructures.stream import follow
from service.infrastructures.watch import watch_of
from sqlalchemy import Engine, event, text

pytestmark = pytest.mark.unit
WAIT_SECONDS = 60.0


def make(engine: Engine, key: str, **more: Any) -> None:
    with session_scope(engine) as session:
        owner, vm = Owner(user="u", identity="me"), Vm(vm_id=0, state="configured")
        session.add(Infrastructure(id=key, name=key, next_vm_id=1, owners=[owner], vms=[vm], **more))


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """Give the list of the queries of a block."""
    found: list[str] = []

    def note(_link: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if not statement.startswith("BEGIN"):
            found.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)


def caller() -> Caller:
    return Caller(Identity((Member("u", "me"),)), [])


def test_the_state_is_two_queries(engine: Engine) -> None:
    make(engine, "one")
    with counted(engine) as queries, read_link(engine) as link:
        assert show.state(link, "one") == {"state": "configured", "vm_states": {"0": "configured"}}
    assert len(queries) == 2
    with session_scope(engine) as session:
        session.add(Operation(infrastructure_id="one", kind="reconfigure"))
    with read_link(engine) as link:
        assert show.state(link, "one")["state"] == "running"


def test_a_list_is_made_from_what_the_caller_has(engine: Engine) -> None:
    make(engine, "one", display_name="first")
    with counted(engine) as queries:
        rows = listed(engine, caller(), "display_name")
    assert [(row.id, row.display_name) for row in rows] == [("one", "first")]
    with engine.connect() as link:
        plan = " ".join(str(row) for row in link.execute(text("EXPLAIN QUERY PLAN " + queries[0].replace("?", "'me'"))))
    assert "ix_owner_identity" in plan
    assert "ix_infrastructure_deleted_at" not in plan


def test_many_streams_are_one_query(engine: Engine) -> None:
    make(engine, "one")
    followers: list[threading.Thread] = []
    texts: list[str] = []

    def read() -> None:
        texts.extend(follow(engine, "one", 0, longest=3.0))

    with counted(engine) as queries:
        for _number in range(20):
            followers.append(threading.Thread(target=read))
            followers[-1].start()
        for thread in followers:
            thread.join(WAIT_SECONDS)
    # Each looks once when it begins and once after that; all together look every 0.3 s.
    assert len(queries) <= 20 * 2 * 3 + 30
    assert len(texts) == 20


def test_news_come_at_once_and_the_thread_ends_with_the_last_stream(engine: Engine) -> None:
    make(engine, "one")
    stream = follow(engine, "one", 0)
    assert next(stream).startswith("retry:")
    writer = threading.Timer(1.0, write, (engine, "hello"))
    begun = time.monotonic()
    writer.start()
    assert "hello" in next(stream)
    assert time.monotonic() - begun < WAIT_SECONDS
    with session_scope(engine) as session:
        session.add(Operation(infrastructure_id="one", kind="create"))
    assert "event: operation" in next(stream)
    stream.close()
    assert not watch_of(engine).busy
    writer.join()


def write(engine: Engine, message: str) -> None:
    with session_scope(engine) as session:
        session.add(Event(infrastructure_id="one", message=message))


def test_streams_say_that_the_database_is_away(engine: Engine) -> None:
    make(engine, "one")
    stream = follow(engine, "one", 0)
    next(stream)
    with session_scope(engine) as session:
        session.execute(text("ALTER TABLE event RENAME TO gone"))
    assert next(stream).startswith(": the database does not answer")
    with session_scope(engine) as session:
        session.execute(text("ALTER TABLE gone RENAME TO event"))
    write(engine, "back")
    assert "back" in next(item for item in stream if not item.startswith(":"))
    stream.close()

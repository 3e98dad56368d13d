# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a run while the database answers late, or not at all."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

import pytest
from service.config import Config
from service.db.engine import session_scope
from service.db.models import Infrastructure, Operation
from service.operations import keeper as module
from service.operations import queue
from service.operations.execute import Leash
from service.operations.keeper import Keeper
from service.operations.task import Task
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

pytestmark = pytest.mark.unit
LONG = 60.0


@pytest.fixture
def quick(config: Config) -> Config:
    """Leases are short."""
    return dataclasses.replace(config, lease_seconds=4.0, heartbeat_seconds=0.2)


@pytest.fixture
def task(engine: Engine, quick: Config) -> Task:
    """An operation that has been claimed."""
    with session_scope(engine) as session:
        row = Infrastructure(name="im-1")
        session.add(row)
        session.flush()
        queue.enqueue(session, row, "create", {}, "ann")
    with session_scope(engine) as session:
        found = queue.claim(session, "w", None, quick.lease_seconds)
        assert found is not None
        return Task(found.id, found.fence, 1, "create", {}, found.infrastructure_id, "im-1", "local", "", 1)


def wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_database_that_neither_answers_nor_refuses(
    quick: Config, engine: Engine, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends before its lease does: somebody else may begin then."""
    thawed = threading.Event()

    def frozen(_engine: Engine) -> None:
        thawed.wait(LONG)
        raise OperationalError("", {}, Exception())

    begin = time.monotonic()
    leash = Leash("test-keeper-frozen")
    monkeypatch.setattr(module, "session_scope", frozen)
    keeper = Keeper(quick, engine, task, leash)
    with keeper:
        wait(lambda: keeper.lost)
        took = time.monotonic() - begin
        thawed.set()
    assert leash.reason == "the lease could not be renewed"
    assert took >= quick.lease_seconds * 0.7


def test_a_database_that_comes_back(
    quick: Config, engine: Engine, task: Task, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on, and its lease is renewed as soon as that is possible."""
    away = threading.Event()
    refused: list[int] = []

    def refusing(given: Engine) -> object:
        if away.is_set():
            return session_scope(given)
        refused.append(1)
        raise OperationalError("", {}, Exception())

    leash = Leash("test-keeper-back")
    monkeypatch.setattr(module, "session_scope", refusing)
    with session_scope(engine) as session:
        before = session.get_one(Operation, task.operation_id).lease_until

    def renewed() -> bool:
        with session_scope(engine) as session:
            return session.get_one(Operation, task.operation_id).lease_until != before

    keeper = Keeper(dataclasses.replace(quick, lease_seconds=LONG), engine, task, leash)
    with keeper:
        wait(lambda: len(refused) > 1)
        away.set()
        wait(renewed)
    assert not keeper.lost
    assert leash.reason == ""
    assert [item.message for item in caplog.records].count("the database does not answer; the run goes on") == 1

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the service is ready, and what it says when it is not."""

from __future__ import annotations

import dataclasses
import os
from datetime import timedelta

import pytest
from service.config import Config
from service.db.engine import make_engine, session_scope
from service.db.models import Infrastructure, Operation, now
from service.infrastructures.stream import follow, look, message
from service.routes.health import problems
from sqlalchemy import Engine

pytestmark = pytest.mark.unit
OLD = timedelta(seconds=300)


def add(engine: Engine, key: str, **values: object) -> None:
    """Add an infrastructure with an operation."""
    with session_scope(engine) as session:
        session.add(Infrastructure(id=key, name=f"im-{key}"))
        session.flush()
        session.add(Operation(infrastructure_id=key, kind="create", **values))


def test_ready(config: Config, engine: Engine) -> None:
    add(engine, "young", state="queued")
    add(engine, "done", state="done", created_at=now() - OLD)
    add(engine, "waits", state="queued", reason="waits for credentials", created_at=now() - OLD)
    assert problems(config, engine) == []


def test_operations_that_nobody_takes(config: Config, engine: Engine) -> None:
    add(engine, "old", state="queued", created_at=now() - OLD)
    assert problems(config, engine) == ["Operations wait and no worker takes them: 1."]
    for number in range(config.workers):
        add(engine, f"busy{number}", state="running")
    assert problems(config, engine) == []


def test_a_database_that_does_not_answer(config: Config) -> None:
    os.makedirs(config.home)
    broken = make_engine(dataclasses.replace(config, database_url=f"sqlite:///{config.home}/other.db"))
    (reason,) = problems(config, broken)
    assert reason.startswith("The database does not answer")
    broken.dispose()


def test_a_stream_ends_when_its_infrastructure_is_gone(engine: Engine) -> None:
    assert look(engine, "nowhere", 0).gone
    assert "".join(follow(engine, "nowhere", 0)) == 'retry: 2000\n\nevent: end\ndata: {"reason": "gone"}\n\n'


def test_a_stream_ends_after_its_time(engine: Engine) -> None:
    add(engine, "busy", state="running")
    text = "".join(follow(engine, "busy", 0, until_idle=True, longest=0.4))
    assert text.count("event: operation") == 1
    assert "event: end" not in text


def test_a_message_is_one_line_of_data() -> None:
    text = message({"message": "a\r\nb\u2028c\n\nid: 3"}, identity=2)
    assert text == 'id: 2\ndata: {"message": "a\\r\\nb\\u2028c\\n\\nid: 3"}\n\n'

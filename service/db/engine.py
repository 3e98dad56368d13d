# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines and sessions.

SQLite: write-ahead log, so that readers never wait for a writer; foreign keys on; a writer waits for another one. A
session that may write begins with BEGIN IMMEDIATE: a transaction that reads first and writes later could not wait.
Keep transactions short: never run anything slow inside of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from ..config import Config
from .secrets import SecretBox
from .types import BOX

_READS = "continuum_reads"
_BUSY_MILLISECONDS = 60_000


def secret_box(config: Config) -> SecretBox:
    """Return the box that seals with the key of the configuration."""
    return SecretBox(config.secret_key) if config.secret_key else SecretBox.from_file(config.secret_key_file)


def make_engine(config: Config) -> Engine:
    """Return an engine for the database of the configuration. Make one a process, after a fork."""
    url = make_url(config.database_url)
    if url.get_backend_name() == "sqlite":
        os.makedirs(os.path.dirname(url.database or "") or ".", mode=0o700, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_MILLISECONDS / 1000})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(url, pool_pre_ping=True)
    setattr(engine.dialect, BOX, secret_box(config))
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={_BUSY_MILLISECONDS}", "journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(_READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """Give a session that may write; commits at the end, or rolls back when something is raised.

    Objects stay readable afterwards (what was loaded).
    """
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def read_scope(engine: Engine) -> Iterator[Session]:
    """Give a session that only reads: it waits for nobody, and nobody waits for it. What was loaded stays readable."""
    reader = engine.execution_options(**{_READS: True})
    with Session(reader, expire_on_commit=False, autoflush=False) as session:
        yield session

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines and sessions.

SQLite: write-ahead log, so that readers never wait for a writer; foreign keys on; a writer waits for another one. A
session that may write begins with BEGIN IMMEDIATE: a transaction that reads first and writes later could not wait.

PostgreSQL: what one transaction reads others may change. So who changes something of an infrastructure *holds* its row
first (`hold`; `open_infrastructure` does so in a session that may write). That one order of locks keeps transactions
from waiting for each other in a circle, and the events of an infrastructure are seen in the order of their ids.

Keep transactions short: never run anything slow inside of one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, TimeoutError  # noqa: A004 (of the pool)
from sqlalchemy.orm import Session

from ..config import Config, ConfigError
from .models import Infrastructure
from .secrets import SecretBox
from .types import BOX

# The database does not answer, or not now: the same may work a moment later.
AWAY = (OperationalError, InterfaceError, TimeoutError)
_READS = "continuum_reads"
_WRITES = "continuum_writes"
_BUSY_MILLISECONDS = 60_000
_POSTGRESQL = "postgresql+psycopg"
# A server that is gone without a word is noticed; the last one is in milliseconds.
_LINK = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "application_name": "continuum",
}
# Who is frozen in a transaction loses it before those who wait for its locks give up.
_PATIENCE = (
    "SET statement_timeout = '60s'",
    "SET lock_timeout = '40s'",
    "SET idle_in_transaction_session_timeout = '30s'",
)
# Opening a file anew costs as much as a query or two: connections are kept.
_FILE_POOL = {"pool_size": 16, "max_overflow": 16}
# At most so many connections a process. A request that finds none waits for one, then it is told to come again.
_POOL = {"pool_size": 5, "max_overflow": 15, "pool_timeout": 10, "pool_recycle": 1800, "pool_pre_ping": True}


def secret_box(config: Config) -> SecretBox:
    """Return the box that seals with the key of the configuration."""
    return SecretBox(config.secret_key) if config.secret_key else SecretBox.from_file(config.secret_key_file)


def database_url(config: Config) -> URL:
    """Return the address of the database, with the driver that we use. Raises `ConfigError`."""
    try:
        url = make_url(config.database_url)
    except ArgumentError:
        raise ConfigError("The setting 'database_url' is no URL of a database.") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername=_POSTGRESQL)
    if url.drivername not in (_POSTGRESQL, "sqlite", "sqlite+pysqlite"):
        raise ConfigError(
            f"The service works with SQLite and PostgreSQL ({_POSTGRESQL}://), not with {url.drivername}."
        )
    return url


def make_engine(config: Config) -> Engine:
    """Return an engine for the database of the configuration. Make one a process, after a fork."""
    url = database_url(config)
    if url.get_backend_name() == "sqlite":
        os.makedirs(os.path.dirname(url.database or "") or ".", mode=0o700, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_MILLISECONDS / 1000}, **_FILE_POOL)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        link = {name: value for name, value in _LINK.items() if name not in url.query}
        engine = create_engine(url, connect_args=link, **_POOL)
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "before_cursor_execute", _without_nul, retval=True)
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


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        for words in _PATIENCE:
            cursor.execute(words)
    connection.commit()


def _without_nul(
    _connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """PostgreSQL has no text with a zero in it; what users and programs say may have one."""
    return statement, [*map(_replaced, parameters)] if isinstance(parameters, list) else _replaced(parameters)


def _replaced(parameters: Any) -> Any:
    if not isinstance(parameters, dict) or not any(isinstance(v, str) and "\0" in v for v in parameters.values()):
        return parameters
    return {name: v.replace("\0", "\ufffd") if isinstance(v, str) else v for name, v in parameters.items()}


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """Give a session that may write; commits at the end, or rolls back when something is raised.

    Objects stay readable afterwards (what was loaded).
    """
    with Session(engine, expire_on_commit=False, info={_WRITES: True}) as session, session.begin():
        yield session


def writes(session: Session) -> bool:
    """True for a session that may write."""
    return bool(session.info.get(_WRITES))


def hold(session: Session, infrastructure_id: str) -> None:
    """Keep others from changing an infrastructure until the end of the transaction. Call it before you read."""
    session.execute(
        select(Infrastructure.id).where(Infrastructure.id == infrastructure_id).with_for_update(key_share=True)
    )


@contextmanager
def read_link(engine: Engine) -> Iterator[Connection]:
    """Give a connection that only reads, for queries of tables: they cost a third of what they cost in a session."""
    with engine.execution_options(**{_READS: True}).connect() as link:
        yield link


@contextmanager
def read_scope(engine: Engine) -> Iterator[Session]:
    """Give a session that only reads: it waits for nobody, and nobody waits for it. What was loaded stays readable."""
    reader = engine.execution_options(**{_READS: True})
    with Session(reader, expire_on_commit=False, autoflush=False) as session:
        yield session

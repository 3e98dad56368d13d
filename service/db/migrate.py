# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the schema of a database up, and down for tests."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, Engine

from .engine import AWAY

_LOG = logging.getLogger("continuum.database")
_AGAIN_SECONDS = 1.0
_FOLDER = Path(__file__).parent / "migrations"


def alembic_config(connection: Connection) -> AlembicConfig:
    """Return the settings that Alembic's commands take, for a connection."""
    found = AlembicConfig()
    found.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision. Several processes may do so at the same time: one does it, the others wait."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Others wait here for one that has much to do.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305)")
        if revision in ("base",):
            command.downgrade(alembic_config(connection), revision)
        else:
            command.upgrade(alembic_config(connection), revision)


class Schema:
    """Brings the schema up as soon as the database answers. A SQLite that cannot be opened is an error at once."""

    def __init__(self, engine: Engine, up: bool = False) -> None:
        self.up = up
        self.engine = engine
        self._trying = threading.Lock()
        self._again_at = 0.0

    def bring_up(self) -> bool:
        """True when the schema is there. Cheap once it is; else tried at most every second, by one at a time."""
        if self.up:
            return True
        if time.monotonic() < self._again_at or not self._trying.acquire(blocking=False):
            return False
        try:
            migrate(self.engine)
            self.up = True
        except AWAY as error:
            if self.engine.dialect.name == "sqlite":
                raise
            _LOG.warning("the database does not answer yet", extra={"error": type(error).__name__})
            self._again_at = time.monotonic() + _AGAIN_SECONDS
        finally:
            self._trying.release()
        return self.up

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing the schema of a database up, and down for tests."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, Engine

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
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305)")
        if revision in ("base",):
            command.downgrade(alembic_config(connection), revision)
        else:
            command.upgrade(alembic_config(connection), revision)

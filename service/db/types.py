# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Column types: sealed text and JSON, and times that are always UTC."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from .secrets import SecretBox

# `make_engine` puts the box of its configuration into the dialect of its engine under this name.
BOX = "continuum_box"


def _box(dialect: Dialect) -> SecretBox:
    found = getattr(dialect, BOX, None)
    if not isinstance(found, SecretBox):
        raise RuntimeError("This engine has no key for sealed columns; make it with make_engine.")
    return found


class Sealed(TypeDecorator[str]):
    """Text that is sealed in the database and plain in the model."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal."""
        return None if value is None else _box(dialect).seal(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Open."""
        return None if value is None else _box(dialect).open(value)


class SealedJson(TypeDecorator[Any]):
    """Data that is sealed in the database. Assign it anew to change it: what happens inside is not seen."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Seal."""
        return None if value is None else _box(dialect).seal(json.dumps(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Open."""
        return None if value is None else json.loads(_box(dialect).open(value))


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone, UTC. SQLite forgets zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

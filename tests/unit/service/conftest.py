# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from service.config import Config
from service.db.engine import make_engine
from service.db.migrate import migrate
from sqlalchemy import Engine


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The settings of a service with a home of its own."""
    return Config.load({"CONTINUUM_HOME": str(tmp_path / "home"), "CONTINUUM_DUMMY_DELAY": "0"})


@pytest.fixture
def engine(config: Config) -> Iterator[Engine]:
    """Its database, empty."""
    found = make_engine(config)
    migrate(found)
    yield found
    found.dispose()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL for the tests of this folder, and an empty database of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from service.config import Config
from service.db.engine import make_engine
from service.db.migrate import migrate
from sqlalchemy import Engine

from lab.postgres import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that runs."""
    if Server.missing():
        pytest.skip(Server.missing())
    with Server() as found:
        yield found


_NUMBERS = itertools.count()


@pytest.fixture
def database(server: Server) -> str:
    """The address of an empty database."""
    server.start()
    return server.create(f"test{next(_NUMBERS)}")


@pytest.fixture
def config(tmp_path: Path, database: str) -> Config:
    """The settings of a service with a home of its own."""
    return settings(tmp_path / "home", database)


@pytest.fixture
def engine(config: Config) -> Iterator[Engine]:
    """Its database, empty."""
    found = make_engine(config)
    migrate(found)
    yield found
    found.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Config:
    """The settings of a service on either database, which is ready."""
    url = request.getfixturevalue("database") if request.param == "postgresql" else ""
    found = settings(tmp_path / "home", url)
    engine = make_engine(found)
    migrate(engine)
    engine.dispose()
    return found


@pytest.fixture
def connect() -> Iterator[Callable[[Config], Engine]]:
    """Return a function that makes engines, one for each thread; they are closed afterwards."""
    made: list[Engine] = []

    def make(config: Config) -> Engine:
        made.append(make_engine(config))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def settings(home: Path, url: str) -> Config:
    home.mkdir(exist_ok=True)
    return Config.load({"CONTINUUM_HOME": str(home), "CONTINUUM_DATABASE_URL": url, "CONTINUUM_DUMMY_DELAY": "0"})

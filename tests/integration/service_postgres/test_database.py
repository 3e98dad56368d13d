# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations on both databases, the address of a database, what PostgreSQL would not take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from service.config import Config, ConfigError
from service.db.engine import database_url, make_engine, read_scope, session_scope
from service.db.migrate import alembic_config, migrate
from service.db.models import Base, Event, Infrastructure, Operation, Owner, Secret, Vm
from sqlalchemy import Engine, inspect, select

from lab.postgres import Server

pytestmark = pytest.mark.integration
Connect = Callable[[Config], Engine]


def fill(engine: Engine) -> None:
    with session_scope(engine) as session:
        row = Infrastructure(name="im-1", inputs={"a": [1]}, outputs={"b": "c"}, wanted=[{"id": 0, "node": "n"}])
        row.owners, row.vms = [Owner(identity="x")], [Vm(vm_id=0, facts={"ip": "10.0.0.1"})]
        session.add(row)
        session.flush()
        session.add_all([Secret(infrastructure_id=row.id, name="key", sealed="text"), Event(infrastructure_id=row.id)])
        session.add(Operation(infrastructure_id=row.id, kind="create"))


def test_migrations_go_down_and_up_with_data(both: Config, connect: Connect) -> None:
    engine = connect(both)
    fill(engine)
    migrate(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    fill(engine)
    with engine.begin() as connection:
        command.check(alembic_config(connection))


def test_migrations_make_the_same_as_the_models(server: Server, engine: Engine, tmp_path: Path) -> None:
    url = server.create("models")
    other = make_engine(Config.load({"CONTINUUM_HOME": str(tmp_path / "other"), "CONTINUUM_DATABASE_URL": url}))
    Base.metadata.create_all(other)
    one, two = inspect(engine), inspect(other)
    for table in Base.metadata.tables:
        for look in ("get_indexes", "get_unique_constraints", "get_foreign_keys", "get_pk_constraint"):
            assert key(getattr(one, look)(table)) == key(getattr(two, look)(table))
        columns = [
            [(item["name"], str(item["type"]), item["nullable"]) for item in inspector.get_columns(table)]
            for inspector in (one, two)
        ]
        assert columns[0] == columns[1]
    other.dispose()


def key(found: object) -> list[str]:
    return sorted(map(str, found)) if isinstance(found, list) else [str(found)]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_addresses(tmp_path: Path, scheme: str) -> None:
    config = Config.load({"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_DATABASE_URL": f"{scheme}://u:p@h/db"})
    assert database_url(config).drivername == "postgresql+psycopg"
    assert ":p@" not in repr(config)


@pytest.mark.parametrize(("url", "words"), [("what", "no URL"), ("mysql://u@h/db", "SQLite and PostgreSQL")])
def test_addresses_that_are_of_no_use(tmp_path: Path, url: str, words: str) -> None:
    config = Config.load({"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_DATABASE_URL": url})
    with pytest.raises(ConfigError, match=words):
        make_engine(config)


def test_a_zero_in_a_text(both: Config, connect: Connect) -> None:
    engine = connect(both)
    with session_scope(engine) as session:
        session.add(Infrastructure(id="a", name="im-a", display_name="one\0two", source="three\0four"))
    with read_scope(engine) as session:
        assert session.get(Infrastructure, "\0") is None
        row = session.scalars(select(Infrastructure)).one()
    assert row.display_name in ("one\0two", "one\ufffdtwo")
    assert row.source == "three\0four"


def test_a_dump_is_a_backup(server: Server, config: Config, engine: Engine) -> None:
    """What docs/service/database.md says: with the key it is all there again, without the key it is worth nothing."""
    fill(engine)
    name = str(database_url(config).database)
    dump = server.folder / "dump"
    server.run("pg_dump", "--format=custom", f"--file={dump}", name)
    url = server.create("restored")
    server.run("pg_restore", "--dbname=restored", "--no-owner", "--exit-on-error", str(dump))
    other = make_engine(Config.load({"CONTINUUM_HOME": config.home, "CONTINUUM_DATABASE_URL": url}))
    migrate(other)
    with read_scope(other) as session:
        assert session.scalars(select(Infrastructure)).one().inputs == {"a": [1]}
        assert session.scalars(select(Secret)).one().sealed == "text"
    with session_scope(other) as session:
        session.add(Infrastructure(name="im-2"))
    other.dispose()

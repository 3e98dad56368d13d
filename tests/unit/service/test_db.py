# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables: migrations up and down without drift, what is sealed, how sessions behave, what is forgotten."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic import command
from service.config import Config
from service.db.engine import make_engine, read_scope, session_scope
from service.db.migrate import alembic_config, migrate
from service.db.models import Base, Event, Infrastructure, Operation, Owner, Secret, Vm, now
from service.db.retention import forget_old
from service.db.secrets import SealError, SecretBox
from sqlalchemy import Engine, event, inspect, select, text
from sqlalchemy.exc import IntegrityError, StatementError

pytestmark = pytest.mark.unit


def infrastructure(engine: Engine, name: str = "im-1", **values: object) -> str:
    with session_scope(engine) as session:
        row = Infrastructure(name=name, **values)
        session.add(row)
        session.flush()
        return row.id


def test_migrations_lead_to_the_models(engine: Engine) -> None:
    with engine.begin() as connection:
        command.check(alembic_config(connection))


def test_migrations_go_down_and_up_again(engine: Engine) -> None:
    migrate(engine, "base")
    assert inspect(engine).get_table_names() == ["alembic_version"]
    migrate(engine)
    assert set(inspect(engine).get_table_names()) == {"alembic_version", *Base.metadata.tables}
    migrate(engine)


def test_migrations_make_the_same_as_the_models(engine: Engine, tmp_path: Path) -> None:
    other = make_engine(Config.load({"CONTINUUM_HOME": str(tmp_path / "other")}))
    Base.metadata.create_all(other)
    for table in Base.metadata.tables:
        one, two = inspect(engine), inspect(other)
        assert {str(item["name"]) for item in one.get_indexes(table)} == {
            str(item["name"]) for item in two.get_indexes(table)
        }
        assert [item["name"] for item in one.get_columns(table)] == [item["name"] for item in two.get_columns(table)]
        assert one.get_foreign_keys(table) == two.get_foreign_keys(table)
    other.dispose()


def test_many_may_migrate_at_once(config: Config) -> None:
    errors: list[Exception] = []

    def go() -> None:
        engine = make_engine(config)
        try:
            migrate(engine)
        except Exception as error:
            errors.append(error)
        engine.dispose()

    threads = [threading.Thread(target=go) for _number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_sqlite_is_set_up(engine: Engine) -> None:
    with engine.connect() as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "foreign_keys")]
        assert found == ["wal", 1]
        assert int(connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()) >= 10_000


def test_templates_inputs_and_outputs_are_sealed(engine: Engine) -> None:
    found = infrastructure(engine, source="hush-1", template="hush-2", inputs={"a": "hush-3"}, outputs={"b": "hush-4"})
    with session_scope(engine) as session:
        session.add(Secret(infrastructure_id=found, name="key", sealed="hush-5"))
    with engine.connect() as connection:
        rows = [
            *connection.execute(text("SELECT * FROM infrastructure")),
            *connection.execute(text("SELECT * FROM secret")),
        ]
    assert "hush" not in str(rows)
    with read_scope(engine) as session:
        row = session.get_one(Infrastructure, found)
        assert (row.source, row.template, row.inputs, row.outputs) == (
            "hush-1",
            "hush-2",
            {"a": "hush-3"},
            {"b": "hush-4"},
        )
        assert session.get_one(Secret, (found, "key")).sealed == "hush-5"


def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    sealed = SecretBox.from_file(str(path)).seal("text")
    assert SecretBox.from_file(str(path)).open(sealed) == "text"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["key"]


def test_another_key_opens_nothing_and_an_older_one_behind_does(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    sealed = SecretBox.from_file(str(one)).seal("text")
    with pytest.raises(SealError):
        SecretBox.from_file(str(two)).open(sealed)
    assert SecretBox(two.read_text() + one.read_text()).open(sealed) == "text"
    with pytest.raises(SealError):
        SecretBox("no key")


def test_times_are_utc(engine: Engine) -> None:
    at = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    found = infrastructure(engine, created_at=at)
    with read_scope(engine) as session:
        row = session.get_one(Infrastructure, found)
    assert row.created_at == at
    assert row.created_at.tzinfo is UTC
    with pytest.raises(StatementError):
        infrastructure(engine, "im-2", created_at=datetime(2026, 1, 1))


def test_foreign_keys_hold(engine: Engine) -> None:
    with pytest.raises(IntegrityError), session_scope(engine) as session:
        session.add(Vm(infrastructure_id="nobody", vm_id=0))


def test_an_infrastructure_runs_one_operation_at_a_time(engine: Engine) -> None:
    found = infrastructure(engine)
    with pytest.raises(IntegrityError), session_scope(engine) as session:
        session.add_all(Operation(infrastructure_id=found, kind="create", state="running") for _number in range(2))


def test_what_a_session_loaded_stays_readable(engine: Engine) -> None:
    found = infrastructure(engine, display_name="mine")
    with read_scope(engine) as session:
        row = session.get_one(Infrastructure, found)
    assert row.display_name == "mine"


def test_an_error_undoes_everything(engine: Engine) -> None:
    infrastructure(engine)
    with pytest.raises(IntegrityError), session_scope(engine) as session:
        session.add_all([Infrastructure(name="im-2"), Infrastructure(name="im-1")])
    with read_scope(engine) as session:
        assert [row.name for row in session.scalars(select(Infrastructure))] == ["im-1"]


def test_readers_do_not_wait_for_a_writer(engine: Engine) -> None:
    infrastructure(engine)
    with session_scope(engine) as writer:
        writer.add(Infrastructure(name="im-2"))
        writer.flush()
        with read_scope(engine) as reader:
            assert [row.name for row in reader.scalars(select(Infrastructure))] == ["im-1"]


def test_old_things_are_forgotten_with_all_that_belongs_to_them(engine: Engine, config: Config) -> None:
    old = now() - timedelta(days=31)
    gone = infrastructure(engine, "im-gone", deleted_at=old)
    young = infrastructure(engine, "im-young", deleted_at=now())
    with session_scope(engine) as session:
        for owner in (gone, young):
            session.add_all([Owner(infrastructure_id=owner, identity="x"), Vm(infrastructure_id=owner, vm_id=0)])
            session.add_all(Event(infrastructure_id=owner, at=at) for at in (old, now()))
            session.add(Operation(infrastructure_id=owner, kind="delete", state="done"))
    assert forget_old(engine, config) == (2, 1)
    with read_scope(engine) as session:
        for table in (Owner, Vm, Event, Operation):
            assert {row.infrastructure_id for row in session.scalars(select(table))} == {young}


def test_reading_state_costs_the_same_with_many_events(engine: Engine) -> None:
    """No query of the state names the table of events; those of the log use its index."""
    found = infrastructure(engine)
    with engine.connect() as connection:
        query = "SELECT * FROM event WHERE infrastructure_id = 'x' AND generation = 1 AND id > 5 ORDER BY id"
        plan = str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}").all())
    assert "USING INDEX ix_event_infrastructure_id_generation_id" in plan
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(str(given[2])))
    with read_scope(engine) as session:
        row = session.get_one(Infrastructure, found)
        assert [item.state for item in row.vms] == []
    assert not [item for item in statements if "FROM event" in item]

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL is killed, stays away, and comes back: what users are told, and what becomes of runs."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from service.app import create_app
from service.db.engine import make_engine, read_scope
from service.db.models import Event
from service.infrastructures.stream import follow
from service.operations.dummy import DummyCloud
from service.operations.worker import Worker
from sqlalchemy import select
from tests.integration.service_core.conftest import REPOSITORY, Service, until
from tests.integration.service_http.conftest import Site, header, running

from lab.postgres import Server

sys.path.append(str(REPOSITORY / "tests" / "faults"))
from fault_run import FaultRun

pytestmark = pytest.mark.integration
RADL = "system front ()\ndeploy front 1\ncontextualize ()\n"
MORE = "system front ()\ndeploy front 1\n"


@pytest.fixture
def site(tmp_path: Path, database: str) -> Iterator[Site]:
    with running(tmp_path / "service", database_url=database) as found:
        yield found


def no_words_of_the_database(text: str) -> None:
    assert not [word for word in ("psycopg", "SELECT", "sqlalche", "socket", "lab-pg", "server") if word in text]


def test_users_are_told_to_come_again(server: Server, site: Site) -> None:
    key = site.create(RADL)
    ready = site.call("GET", "/readyz")
    assert ready.status_code == 200, ready.text
    server.kill()
    for method, path, body in (
        ("GET", "/infrastructures", ""),
        ("GET", f"/infrastructures/{key}/state", ""),
        ("POST", "/infrastructures", RADL),
        ("DELETE", f"/infrastructures/{key}", ""),
        ("GET", "/metrics", ""),
        ("GET", "/readyz", ""),
    ):
        answer = site.call(method, path, data=body)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), path
        assert "database does not answer" in answer.text
        no_words_of_the_database(answer.text)
    assert site.call("GET", "/healthz").status_code == 200
    server.start()
    assert site.state(key)["state"] == "configured"
    assert site.call("GET", "/readyz").status_code == 200
    assert site.call("DELETE", f"/infrastructures/{key}").status_code == 200


def test_an_application_that_starts_before_its_database(server: Server, tmp_path: Path, database: str) -> None:
    with running(tmp_path / "service", database_url=database) as site:
        server.stop()
        app = create_app(site.config)
        client = app.test_client()
        answer = client.get("/infrastructures", headers=header())
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200
        server.start()
        until(lambda: client.get("/infrastructures", headers=header()).status_code == 200)
        app.extensions["continuum"].engine.dispose()


def test_a_stream_goes_on(server: Server, site: Site) -> None:
    key = site.create(RADL)
    with read_scope(site.engine) as session:
        last = session.scalars(select(Event.id).order_by(Event.id.desc())).first()
    server.kill()
    stream = follow(site.engine, key, (last or 0) - 1, longest=60)
    assert next(stream).startswith("retry:")
    assert next(stream).startswith(": the database does not answer")
    server.start()
    until(lambda: f"id: {last}\n" in next(stream))


def test_users_who_change_the_same_at_once(site: Site) -> None:
    """Each host gets a number of its own, and all of them are there at the end."""
    key = site.create(RADL)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _turn: site.call("POST", f"/infrastructures/{key}", data=MORE), range(4)))
    # Who was overtaken too often is told so.
    good = [answer for answer in answers if answer.status_code == 200]
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert good
    site.settle(key)
    numbers = site.vms(key)
    assert len(numbers) == len(set(numbers)) == 1 + len(good)


def test_two_workers_share_what_is_to_be_done(site: Site) -> None:
    """Each with an engine of its own, as processes have."""
    engine = make_engine(site.config)
    second = Worker(site.config, engine)
    thread = threading.Thread(target=second.serve, daemon=True)
    thread.start()
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _turn: site.create(RADL), range(6)))
    second.stop()
    thread.join(60)
    engine.dispose()
    there = [(host["infrastructure"], host["instance"]) for host in DummyCloud(site.config.home).hosts()]
    assert sorted(there) == sorted((f"im-{key}", 0) for key in keys)


@pytest.fixture
def service(tmp_path: Path, database: str) -> Iterator[Service]:
    """Supervisor and two workers; each host takes a while."""
    home = tmp_path / "home"
    home.mkdir()
    found = Service(
        home, database_url=database, dummy_cloud=True, dummy_delay=1.5, workers=2, lease_seconds=90, heartbeat_seconds=2
    )
    try:
        yield found
    finally:
        found.stop()


def hosts(service: Service, key: str) -> list[int]:
    return [host["instance"] for host in DummyCloud(service.config.home).hosts(f"im-{key}")]


def test_a_run_outlives_its_database(server: Server, service: Service) -> None:
    """It ends while the database is away; how it ended is written when it is there again. Nothing is done twice."""
    service.start()
    key = service.create(2)
    until(lambda: len(hosts(service, key)) == 1)
    server.kill()
    until(lambda: len(hosts(service, key)) == 2)
    until(lambda: "the database does not answer; the run goes on" in service.log())
    until(lambda: not service.processes("service.operations.dummy"))
    server.start()
    (operation,) = service.settled(key)
    assert (operation.state, operation.attempts) == ("done", 1), service.log()
    assert service.states(key) == {0: "configured", 1: "configured"}


def test_a_service_that_starts_before_its_database(server: Server, service: Service) -> None:
    key = service.create(1)
    server.stop()
    service.start()
    until(lambda: "the database does not answer yet" in service.log())
    server.start()
    (operation,) = service.settled(key)
    assert (operation.state, operation.attempts) == ("done", 1)


def test_two_services_with_homes_of_their_own(server: Server, tmp_path: Path, database: str) -> None:
    """They have the database and the key in common. Each simulated cloud is in a home: it shows who did what."""
    key_file = tmp_path / "key"
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        settings = {"dummy_cloud": True, "dummy_delay": 0.5, "secret_key_file": key_file, "lease_seconds": 60}
        found.append(Service(tmp_path / name, database_url=database, **settings))
    try:
        for service in found:
            service.start()
        keys = [found[0].create(1) for _number in range(6)]
        for key in keys:
            (operation,) = found[0].settled(key)
            assert (operation.state, operation.attempts) == ("done", 1)
    finally:
        for service in found:
            service.stop()
    there = sorted(host["infrastructure"] for item in found for host in DummyCloud(item.config.home).hosts())
    assert there == sorted(f"im-{key}" for key in keys)


@pytest.mark.long
def test_a_short_fault_run(server: Server, tmp_path: Path) -> None:
    """Two web processes and two workers; any of them and the database are killed."""
    server.start()
    figures = FaultRun(tmp_path / "home", "dummy", 6, seconds=40, pause=1.5, seed=3, server=server).run()
    assert figures.good, figures
    assert figures.killed.get("database", 0) >= 2
    assert figures.requests.get("200", 0) > 0

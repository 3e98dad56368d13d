# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service with the simulated cloud, in this process: an application and a worker in a thread."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from service.app import create_app
from service.config import Config
from service.db.engine import make_engine
from service.db.migrate import migrate
from service.operations.worker import Worker
from sqlalchemy import Engine
from werkzeug.test import TestResponse

DUMMY = {"id": "dummy", "type": "Dummy"}
WAIT_SECONDS = 120.0


def header(user: str = "user", password: str = "pass", *more: dict[str, str]) -> dict[str, str]:  # noqa: S107
    """Return the header of a user with the simulated cloud."""
    own = {"type": "InfrastructureManager", "username": user, "password": password}
    return {"Authorization": json.dumps([DUMMY, *more, own])}


@dataclass
class Site:
    """A running service; `call` sends a request of a user."""

    app: Flask
    config: Config
    engine: Engine

    def call(self, method: str, path: str, user: str = "user", **more: Any) -> TestResponse:
        """Send a request; `headers` are added to the user's."""
        headers = {**header(user), **more.pop("headers", {})}
        return self.app.test_client().open(path, method=method, headers=headers, **more)

    def create(self, body: str, kind: str = "", user: str = "user") -> str:
        """Make an infrastructure and return its id when it does nothing any more."""
        headers = {"Content-Type": kind} if kind else {}
        answer = self.call("POST", "/infrastructures?async=1", user, data=body, headers=headers)
        assert answer.status_code == 200, answer.text
        key = answer.headers["InfID"]
        self.settle(key, user)
        return key

    def state(self, key: str, user: str = "user") -> dict[str, Any]:
        """Return the state of an infrastructure."""
        answer = self.call("GET", f"/infrastructures/{key}/state", user)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.get_json()["state"]
        return found

    def settle(self, key: str, user: str = "user") -> dict[str, Any]:
        """Wait until nothing is done any more."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            found = self.state(key, user)
            if not {"pending", "running", "deleting"} & {found["state"], *found["vm_states"].values()}:
                return found
            time.sleep(0.05)
        raise AssertionError(f"still {found}")

    def vms(self, key: str, user: str = "user") -> list[int]:
        """Return the numbers of the hosts."""
        text = self.call("GET", f"/infrastructures/{key}", user).text
        return [int(line.rsplit("/", 1)[1]) for line in text.splitlines()]


@contextmanager
def running(folder: Path, **settings: Any) -> Iterator[Site]:
    """Give a service of its own, whose worker ends afterwards."""
    base = Config.load({"CONTINUUM_HOME": str(folder), "CONTINUUM_DUMMY_CLOUD": "1", "CONTINUUM_DUMMY_DELAY": "0"})
    config = replace(base, **{"default_cloud": "", "poll_seconds": 0.02, **settings})
    engine = make_engine(config)
    migrate(engine)
    worker = Worker(config, engine)
    thread = threading.Thread(target=worker.serve, daemon=True)
    thread.start()
    app = create_app(config, engine)
    app.testing = False
    try:
        yield Site(app, config, engine)
    finally:
        worker.stop()
        thread.join(60)
        engine.dispose()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(tmp_path_factory.mktemp("service")) as found:
        yield found


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Return a function that gives a service with other settings."""
    contexts = []

    def make(**settings: Any) -> Site:
        context = running(tmp_path / f"service{len(contexts)}", **settings)
        contexts.append(context)
        return context.__enter__()

    yield make
    for context in contexts:
        context.__exit__(None, None, None)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service with a home of its own: supervisor and workers as processes, the queue as the way to talk to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from service.config import Config
from service.db.engine import make_engine, read_scope, session_scope
from service.db.migrate import migrate
from service.db.models import Event, Infrastructure, Operation, new_id
from service.operations import queue
from service.operations.processes import SERVICE_MARK, Process, end_marked, marked
from sqlalchemy import select

REPOSITORY = Path(__file__).resolve().parents[3]
VM = (REPOSITORY / "playbooks" / "tosca" / "templates" / "vm.yaml").read_text(encoding="utf-8")
NODE = "simple_node"
LONG = 120.0


def until(condition: Callable[[], Any], seconds: float = LONG, what: str = "") -> Any:
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, what or "it did not happen in time"
        time.sleep(0.1)


class Service:
    """One service and its database."""

    def __init__(self, home: Path, **settings: Any) -> None:
        self.home = home
        chosen = {"bind": "127.0.0.1:0", "lease_seconds": 8, "heartbeat_seconds": 2, "workers": 1, "dummy_delay": 0.2}
        chosen |= {"max_attempts": 20} | settings
        self.environment = {f"CONTINUUM_{name.upper()}": str(value) for name, value in chosen.items()}
        self.environment["CONTINUUM_HOME"] = str(home)
        self.config = Config.load(self.environment)
        self.engine = make_engine(self.config)
        migrate(self.engine)
        self.supervisor: subprocess.Popen[bytes] | None = None
        self.names: list[str] = []

    def start(self) -> None:
        """Start the supervisor, and wait until its workers are there."""
        self.supervisor = self.spawn()
        until(lambda: len(self.processes("worker")) == self.config.workers, what=self.log())

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start a supervisor."""
        command = [sys.executable, "-m", "service", "serve", "--no-web"]
        environment = {**os.environ, **self.environment, "PYTHONPATH": str(REPOSITORY)}
        with open(self.home / "service.log", "ab") as log:
            return subprocess.Popen(command, env=environment, cwd=self.home, stdout=log, stderr=log)

    def log(self) -> str:
        """Everything that the service has logged."""
        return (self.home / "service.log").read_text(encoding="utf-8")

    def processes(self, word: str) -> list[Process]:
        """Processes of the service with a word in their command line."""
        found = []
        for process in marked(SERVICE_MARK, self.config.home):
            try:
                words = Path(f"/proc/{process.pid}/cmdline").read_text(encoding="utf-8").split("\0")
            except OSError:
                continue
            if any(item.rpartition("/")[2] == word for item in words) and not process.engine:
                found.append(process)
        return found

    def kill(self, word: str) -> None:
        """Kill -9 one process with this word."""
        victims = until(lambda: self.processes(word), what=f"there is no {word}")
        os.kill(victims[0].pid, signal.SIGKILL)

    def create(self, hosts: int = 1, **values: Any) -> str:
        """Ask for an infrastructure and return its id."""
        found = new_id()
        self.names.append(f"im-{found}")
        with session_scope(self.engine) as session:
            chosen = {"template": VM, "wanted": [{"id": number, "node": NODE} for number in range(hosts)], **values}
            row = Infrastructure(id=found, name=f"im-{found}", next_vm_id=hosts, **chosen)
            session.add(row)
            session.flush()
            queue.enqueue(session, row, "create", {}, "ann", credentials=str(values.get("cloud_id", "")))
        return found

    def ask(self, infrastructure_id: str, kind: str, wanted: list[int] | None = None, **arguments: Any) -> int:
        """Ask for a change and return the number of its operation."""
        with session_scope(self.engine) as session:
            row = session.get_one(Infrastructure, infrastructure_id)
            if wanted is not None:
                row.wanted = [{"id": number, "node": NODE} for number in wanted]
            return queue.enqueue(session, row, kind, arguments, "ann").id

    def operations(self, infrastructure_id: str) -> list[Operation]:
        """The operations of an infrastructure, in order."""
        with read_scope(self.engine) as session:
            mine = Operation.infrastructure_id == infrastructure_id
            return list(session.scalars(select(Operation).where(mine).order_by(Operation.id)))

    def settled(self, infrastructure_id: str, seconds: float = LONG) -> list[Operation]:
        """Wait until all operations of an infrastructure have ended; return them."""

        def all_ended() -> bool:
            return all(item.finished for item in self.operations(infrastructure_id))

        until(all_ended, seconds, f"{self.words(infrastructure_id)}\n{self.log()}")
        return self.operations(infrastructure_id)

    def words(self, infrastructure_id: str) -> list[str]:
        """The operations in words, for messages."""
        return [f"{item.kind} {item.state} {item.reason}" for item in self.operations(infrastructure_id)]

    def states(self, infrastructure_id: str) -> dict[int, str]:
        """The states of the hosts that are there."""
        with read_scope(self.engine) as session:
            return {vm.vm_id: vm.state for vm in session.get_one(Infrastructure, infrastructure_id).live_vms}

    def read(self, infrastructure_id: str) -> Infrastructure:
        """The row of an infrastructure."""
        with read_scope(self.engine) as session:
            return session.get_one(Infrastructure, infrastructure_id)

    def events(self, infrastructure_id: str) -> list[Event]:
        """What happened."""
        with read_scope(self.engine) as session:
            mine = Event.infrastructure_id == infrastructure_id
            return list(session.scalars(select(Event).where(mine).order_by(Event.id)))

    def stop(self) -> None:
        """End everything."""
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.terminate()
            try:
                self.supervisor.wait(LONG)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
        end_marked(SERVICE_MARK, self.config.home)
        self.engine.dispose()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of a service."""
    found = tmp_path / "home"
    found.mkdir()
    return found

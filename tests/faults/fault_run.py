# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fault run: many infrastructures, a random process of the service killed again and again, then quiet.

    python tests/faults/fault_run.py [--cloud dummy|local] [--database sqlite|postgres] [--seconds 300]

There are two web processes and two workers. With PostgreSQL the database is killed too, and comes back some seconds
later. Meanwhile users create, change, stop, start and delete. At the end of it what is wanted is compared with what
the cloud has. The exit code is 0 when every infrastructure is as wanted: no orphan, no twin, nothing stuck, and no
request was answered with an error but 503.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "collections"), str(REPOSITORY / "tests")]

from service.config import Config  # noqa: E402
from service.db.engine import AWAY, hold, make_engine, read_scope, session_scope  # noqa: E402
from service.db.migrate import migrate  # noqa: E402
from service.db.models import UNFINISHED, Infrastructure, Operation, new_id  # noqa: E402
from service.errors import Conflict  # noqa: E402
from service.operations import queue  # noqa: E402
from service.operations.dummy import DummyCloud  # noqa: E402
from service.operations.processes import SERVICE_MARK, Process, end_marked, marked  # noqa: E402
from sqlalchemy import select  # noqa: E402

from lab.postgres import Server  # noqa: E402

_SUPERVISOR = 0.4
_MACHINE = 0.06
_DATABASE = 0.15
_AWAY_SECONDS = (0.5, 6.0)
NODE = "simple_node"
_USER = [{"type": "InfrastructureManager", "username": "user", "password": "pass"}]
TEMPLATE = REPOSITORY / "playbooks" / "tosca" / "templates" / "vm.yaml"


@dataclass
class Figures:
    """What a fault run found."""

    infrastructures: int = 0
    as_wanted: int = 0
    clear_failures: int = 0
    orphans: int = 0
    twins: int = 0
    stuck: int = 0
    left_processes: int = 0
    left_folders: int = 0
    operations: int = 0
    attempts: int = 0
    quiet_seconds: float = 0.0
    requests: dict[str, int] = field(default_factory=dict)
    killed: dict[str, int] = field(default_factory=dict)
    details: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """True when everything is as it has to be."""
        bad = self.orphans + self.twins + self.stuck + self.left_processes + self.left_folders
        bad += sum(count for status, count in self.requests.items() if status not in ("200", "503", "none"))
        return self.as_wanted == self.infrastructures and not bad


@dataclass
class FaultRun:
    """One run. `hosts` is the highest number of hosts of an infrastructure."""

    home: Path
    cloud: str = "dummy"
    infrastructures: int = 20
    seconds: float = 300.0
    pause: float = 3.0
    hosts: int = 3
    seed: int = 0
    quiet: float = 900.0
    server: Server | None = None

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311
        self.environment = {
            "CONTINUUM_HOME": str(self.home),
            "CONTINUUM_BIND": "127.0.0.1:0",
            "CONTINUUM_DUMMY_CLOUD": str(self.cloud == "dummy"),
            "CONTINUUM_DUMMY_DELAY": "0.3",
            "CONTINUUM_LEASE_SECONDS": "10",
            "CONTINUUM_HEARTBEAT_SECONDS": "2",
            "CONTINUUM_WEB_PROCESSES": "2",
            "CONTINUUM_WORKERS": "2",
            "CONTINUUM_DATABASE_URL": self.server.url() if self.server else "",
            # Here every run is hit several times; with the default some would end in a clear failure.
            "CONTINUUM_MAX_ATTEMPTS": "100",
        }
        self.config = Config.load(self.environment)
        self.engine = make_engine(self.config)
        migrate(self.engine)
        self.ids: list[str] = []
        self.killed: collections.Counter[str] = collections.Counter()
        self.requests: collections.Counter[str] = collections.Counter()
        self.over = threading.Event()
        self.back_at = 0.0
        self.supervisor: subprocess.Popen[bytes] | None = None

    def run(self) -> Figures:
        """Run all of it; nothing of it is left afterwards, whatever happens."""
        try:
            self._start()
            self._create()
            asking = threading.Thread(target=self._ask, daemon=True)
            asking.start()
            self._kill()
            if self.server is not None:
                self.server.start()
            waited = self._wait()
            self.over.set()
            asking.join()
            figures = self._look()
            figures.quiet_seconds = round(waited, 1)
            return figures
        finally:
            self._stop()

    def _start(self) -> None:
        """What systemd would do: the supervisor is started again when it is gone."""
        if self.supervisor is not None and self.supervisor.poll() is None:
            return
        command = [sys.executable, "-m", "service", "serve"]
        command += [] if (REPOSITORY / "service" / "app.py").exists() else ["--no-web"]
        self.home.mkdir(parents=True, exist_ok=True)
        with open(self.home / "service.log", "ab") as log:
            environment = {**os.environ, **self.environment, "PYTHONPATH": str(REPOSITORY)}
            self.supervisor = subprocess.Popen(
                command, env=environment, cwd=self.home, stdout=log, stderr=log, start_new_session=True
            )

    def _ask(self) -> None:
        """A user who looks again and again: there is an answer, or none while something is dead, but never an error."""
        while not self.over.wait(0.2):
            try:
                self.requests[str(self._look_once())] += 1
            except (OSError, http.client.HTTPException):
                self.requests["none"] += 1

    def _look_once(self) -> int:
        address = (self.config.run_folder / "address").read_text(encoding="ascii").strip()
        link = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        try:
            link.request("GET", "/infrastructures", headers={"Authorization": json.dumps(_USER)})
            answer = link.getresponse()
            answer.read()
            return answer.status
        finally:
            link.close()

    def _create(self) -> None:
        for _number in range(self.infrastructures):
            found = new_id()
            self.ids.append(found)
            with session_scope(self.engine) as session:
                row = Infrastructure(
                    id=found,
                    name=f"im-{found}",
                    cloud=self.cloud,
                    template=TEMPLATE.read_text(encoding="utf-8"),
                    wanted=[{"id": number, "node": NODE} for number in range(self.random.randint(1, self.hosts))],
                )
                row.next_vm_id = len(row.wanted or ())
                session.add(row)
                session.flush()
                queue.enqueue(session, row, "create", {}, "fault run")

    def _kill(self) -> None:
        """Kill and change, in turn, until the time is over."""
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            time.sleep(self.random.uniform(0.2, 1.8) * self.pause)
            self._bring_back()
            # While the database is away nobody can ask for anything.
            with contextlib.suppress(*AWAY):
                self._change(self.random.choice(self.ids))
            self._kill_one()
            time.sleep(0.2)
            self._start()

    def _bring_back(self) -> None:
        if self.server is not None and not self.server.running and time.monotonic() >= self.back_at:
            self.server.start()

    def _kill_database(self) -> None:
        if self.server is not None and self.server.running:
            self.server.kill()
            self.back_at = time.monotonic() + self.random.uniform(*_AWAY_SECONDS)
            self.killed["database"] += 1

    def _kill_one(self) -> None:
        if self.server is not None and self.random.random() < _DATABASE:
            self._kill_database()
            return
        kinds: dict[str, list[Process]] = collections.defaultdict(list)
        for process in marked(SERVICE_MARK, self.config.home):
            if not process.engine:
                kinds[_kind(process)].append(process)
        # When the supervisor goes, all go: not each time.
        alive = self.supervisor is not None and self.supervisor.poll() is None
        if self.supervisor is not None and alive and self.random.random() < _SUPERVISOR + _MACHINE:
            kinds["supervisor"].append(Process(self.supervisor.pid, "", "", 0))
        if kinds and self.random.random() < _MACHINE:
            # The machine loses its power: all at once.
            for process in [item for found in kinds.values() for item in found]:
                _kill(process.pid)
            self._kill_database()
            self.killed["everything"] += 1
        elif kinds:
            kind = self.random.choice(sorted(kinds))
            victim = self.random.choice(kinds[kind])
            self.killed[kind] += _kill(victim.pid)

    def _change(self, infrastructure_id: str) -> None:
        kind = self.random.choice(["add", "add", "remove", "reconfigure", "stop", "start", "delete", "", ""])
        with session_scope(self.engine) as session:
            hold(session, infrastructure_id)
            row = session.get_one(Infrastructure, infrastructure_id)
            if not kind or row.deleted_at is not None or len(queue.unfinished(session, infrastructure_id)) > 2:
                return
            # A few are deleted while they are worked on; most live on.
            if kind == "delete" and self.ids.index(infrastructure_id) % 4:
                return
            wanted = list(row.wanted or ())
            if kind == "add" and len(wanted) < self.hosts:
                wanted.append({"id": row.next_vm_id, "node": NODE})
                row.next_vm_id += 1
            elif kind == "remove" and len(wanted) > 1:
                wanted.pop(self.random.randrange(len(wanted)))
            elif kind in ("add", "remove"):
                return
            row.wanted = wanted
            try:
                queue.enqueue(session, row, kind, {}, "fault run")
                if kind == "stop":
                    queue.enqueue(session, row, "start", {}, "fault run")
            except Conflict:
                return

    def _wait(self) -> float:
        """Wait until nothing is left to do; hosts that are stopped are started, clear failures are tried again once."""
        began = time.monotonic()
        again: set[str] = set()
        while time.monotonic() < began + self.quiet:
            self._start()
            with read_scope(self.engine) as session:
                busy = session.scalar(select(Operation.id).where(Operation.state.in_(UNFINISHED)).limit(1))
            if busy is None and not self._try_again(again):
                break
            time.sleep(0.5)
        return time.monotonic() - began

    def _try_again(self, again: set[str]) -> bool:
        """A user repeats what ended in a clear failure."""
        tried = False
        for infrastructure_id in self.ids:
            with session_scope(self.engine) as session:
                hold(session, infrastructure_id)
                row = session.get_one(Infrastructure, infrastructure_id)
                if row.deleted_at is None and row.failure and infrastructure_id not in again:
                    print(f"failed, tried again: {row.name}: {row.failure}", flush=True)
                    queue.enqueue(session, row, "start", {}, "fault run")
                    queue.enqueue(session, row, "reconfigure", {"reconfigure": False}, "fault run")
                    again.add(infrastructure_id)
                    tried = True
        return tried

    def _look(self) -> Figures:
        """Compare what is wanted with what the cloud has."""
        figures = Figures(infrastructures=len(self.ids), killed=dict(sorted(self.killed.items())))
        figures.requests = dict(sorted(self.requests.items()))
        real = _real_dummy(self.config) if self.cloud == "dummy" else _real_local(self.ids)
        with read_scope(self.engine) as session:
            rows = {row.id: row for row in session.scalars(select(Infrastructure))}
            for infrastructure_id in self.ids:
                row = rows[infrastructure_id]
                wanted = [] if row.deleted_at else sorted(int(item["id"]) for item in row.wanted or ())
                self._judge(figures, row, wanted, sorted(real.get(row.name, [])))
            operations = list(session.scalars(select(Operation)))
            figures.operations = len(operations)
            figures.attempts = sum(item.attempts for item in operations)
            stuck = [item for item in operations if not item.finished]
            figures.stuck += len(stuck)
            figures.details += [f"stuck: operation {item.id} {item.kind} {item.state} {item.reason}" for item in stuck]
        names = {rows[item].name for item in self.ids}
        figures.orphans += sum(len(hosts) for name, hosts in real.items() if name not in names)
        figures.left_folders = len(list(self.config.run_folder.glob("op-*")))
        return figures

    def _judge(self, figures: Figures, row: Infrastructure, wanted: list[int], there: list[int]) -> None:
        figures.twins += len(there) - len(set(there))
        figures.orphans += len(set(there) - set(wanted))
        states = {item.vm_id: item.state for item in row.live_vms}
        fine = there == wanted and states == dict.fromkeys(wanted, "configured") and not row.failure
        figures.as_wanted += fine
        figures.clear_failures += bool(row.failure)
        figures.stuck += row.state_override != ""
        if not fine:
            words = f"wanted {wanted}, there {there}, rows {states}, deleted {row.deleted_at is not None}"
            figures.details.append(f"{row.name}: {words}, failure '{row.failure}'")

    def _stop(self) -> None:
        self.over.set()
        if self.supervisor is not None and self.supervisor.poll() is None:
            self.supervisor.terminate()
            try:
                self.supervisor.wait(timeout=90)
            except subprocess.TimeoutExpired:
                self.supervisor.kill()
        end_marked(SERVICE_MARK, self.config.home)
        if self.cloud == "local":
            for infrastructure_id in self.ids:
                _destroy(self.config, f"im-{infrastructure_id}")
        self.engine.dispose()


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _kind(process: Process) -> str:
    """Return which part of the service a process is."""
    try:
        words = Path(f"/proc/{process.pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "run"
    if "service" in words and "-m" in words:
        return words[words.index("service") + 1]
    return "leash" if any(word.endswith("leash.py") for word in words) else "run"


def _real_dummy(config: Config) -> dict[str, list[int]]:
    found: dict[str, list[int]] = collections.defaultdict(list)
    for host in DummyCloud(config.home).hosts():
        found[host["infrastructure"]].append(host["instance"])
    return found


def _real_local(ids: list[str]) -> dict[str, list[int]]:
    """Only what bears the names of this run: other tests may use the same engine."""
    done = subprocess.run(["podman", "ps", "-a", "--format", "json"], capture_output=True, text=True, check=True)
    found: dict[str, list[int]] = collections.defaultdict(list)
    names = {f"im-{item}" for item in ids}
    for container in json.loads(done.stdout or "[]"):
        labels: dict[str, Any] = container.get("Labels") or {}
        if labels.get("im_infrastructure") in names:
            found[labels["im_infrastructure"]].append(int(labels["im_instance"]))
    return found


def _destroy(config: Config, name: str) -> None:
    words = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "continuum.im.destroy",
        "-e",
        f"infrastructure={name}",
    ]
    environment = {
        **os.environ,
        "CONTINUUM_HOME": config.home,
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
    }
    subprocess.run(words, env=environment, cwd=config.home, stdout=subprocess.DEVNULL, timeout=300, check=False)


def main() -> int:
    """Run and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cloud", choices=("dummy", "local"), default="dummy")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--infrastructures", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--pause", type=float, default=3.0, help="seconds between two deaths, on average")
    parser.add_argument("--hosts", type=int, default=3, help="hosts of an infrastructure, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--home", type=Path, help="keep everything here (default: a temporary folder)")
    given = parser.parse_args()
    if given.database == "postgres" and Server.missing():
        parser.error(Server.missing())
    with contextlib.ExitStack() as stack:
        home = given.home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fault-run-"))) / "home"
        server = stack.enter_context(Server()) if given.database == "postgres" else None
        words = (given.infrastructures, given.seconds, given.pause, given.hosts, given.seed)
        figures = FaultRun(home, given.cloud, *words, server=server).run()
    for name, value in asdict(figures).items():
        print(f"{name:16} {json.dumps(value) if isinstance(value, (dict, list)) else value}")
    print("GOOD" if figures.good else "BAD")
    return 0 if figures.good else 1


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that starts the others: web and workers. It holds the listening socket and the credentials of requests.

A child that dies is started again. What a dead child did is free at once: its lease ends, its runs end by their leash.
At its start it ends what an earlier supervisor has left, so a restart after any death begins clean.

The database is looked after in a thread: one that does not answer keeps nothing else from being done.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, select

from .config import Config
from .db.engine import AWAY, make_engine, session_scope
from .db.migrate import Schema
from .db.models import Operation
from .db.retention import forget_old
from .operations.credentials import VaultServer
from .operations.processes import SERVICE_MARK, end_marked, is_dead
from .operations.queue import expire

_LOG = logging.getLogger("continuum.supervisor")
_TICK_SECONDS = 0.2
_LOOK_SECONDS = 5.0
_FORGET_SECONDS = 3600.0
_BIND_SECONDS = 60.0
_END_SECONDS = 30.0
_QUICK_DEATH_SECONDS = 5.0
_LONGEST_PAUSE = 10.0
_LAST_LOOK_SECONDS = 15.0
# Each thread would keep freed memory for itself.
_MEMORY = {"MALLOC_ARENA_MAX": "2"}
_REPOSITORY = Path(__file__).resolve().parents[1]


class AlreadyRunningError(Exception):
    """Another supervisor works with the same home."""


@dataclass
class Child:
    """A process that shall always be there."""

    name: str
    arguments: list[str]
    handles: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0
    not_before: float = 0.0


@dataclass
class Supervisor:
    """Starts web and workers and keeps them alive."""

    config: Config
    with_web: bool = True
    _children: list[Child] = field(default_factory=list)
    _ending: bool = False
    _ended: bool = False
    # Set when a child has died: its leases are to be freed at once.
    _look: threading.Event = field(default_factory=threading.Event)

    def run(self) -> int:
        """Serve until SIGTERM."""
        folder = self.config.run_folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(folder / "supervisor.lock", "w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise AlreadyRunningError(f"Another service runs with the home {self.config.home}.") from None
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._end)
            return self._serve(folder)

    def _serve(self, folder: Path) -> int:
        end_marked(SERVICE_MARK, self.config.home)
        for left in folder.glob("op-*"):
            shutil.rmtree(left, ignore_errors=True)
        engine = make_engine(self.config)
        schema = Schema(engine)
        schema.bring_up()
        vault = VaultServer(self.config)
        vault.start()
        listener = self._listen() if self.with_web else None
        if listener is not None:
            self._announce(listener)
            number = listener.fileno()
            self._children.append(Child("web", ["web", "--bind", f"fd://{number}"], (number,)))
        self._children += [Child(f"worker-{number}", ["worker"]) for number in range(self.config.workers)]
        tending = threading.Thread(target=self._tend, args=(engine, schema), name="database", daemon=True)
        tending.start()
        try:
            self._watch()
        finally:
            self._end_children()
            if listener is not None:
                listener.close()
            vault.stop()
            self._ended = True
            self._look.set()
            tending.join(_LAST_LOOK_SECONDS)
            engine.dispose()
        return 0

    def _end(self, _number: int, _frame: types.FrameType | None) -> None:
        self._ending = True

    def _listen(self) -> socket.socket:
        """Bind the socket; an earlier web process may need a moment to let it go."""
        host, _colon, port = self.config.bind.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        deadline = time.monotonic() + _BIND_SECONDS
        while True:
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host.strip("[]"), int(port)))
                listener.listen(1024)
            except OSError:
                listener.close()
                if time.monotonic() > deadline or self._ending:
                    raise
                time.sleep(_TICK_SECONDS)
            else:
                return listener

    def _announce(self, listener: socket.socket) -> None:
        """Say where the service is, to people and in a file."""
        host, port = listener.getsockname()[:2]
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}{self.config.root_path}"
        (self.config.run_folder / "address").write_text(address + "\n", encoding="ascii")
        print(
            f"The service listens on {address}; its interface is shown at {address}/docs. Ctrl-C ends it.", flush=True
        )
        _LOG.info("the service listens", extra={"address": address, "home": self.config.home})

    def _watch(self) -> None:
        while not self._ending:
            present = time.monotonic()
            if [child for child in self._children if self._keep_alive(child, present)]:
                self._look.set()
            time.sleep(_TICK_SECONDS)

    def _tend(self, engine: Engine, schema: Schema) -> None:
        """Look after the database until the end, and once more after it."""
        forget_at = 0.0
        while True:
            # Before the look: who dies meanwhile is seen by the next one.
            self._look.clear()
            last = self._ended
            try:
                if schema.bring_up():
                    self._free_leases(engine)
                    if time.monotonic() >= forget_at and not last:
                        forget_old(engine, self.config)
                        forget_at = time.monotonic() + _FORGET_SECONDS
            except AWAY as error:
                _LOG.warning("the database does not answer", extra={"error": type(error).__name__})
            except Exception:
                _LOG.exception("the database could not be looked after")
            if last:
                return
            self._look.wait(_LOOK_SECONDS)

    def _keep_alive(self, child: Child, present: float) -> bool:
        """Start a child that is not there; true when it has just died."""
        died = False
        if child.process is not None and child.process.poll() is not None:
            died = True
            _LOG.warning("%s died", child.name, extra={"pid": child.process.pid, "code": child.process.returncode})
            quick = present - child.started < _QUICK_DEATH_SECONDS
            child.pause = min(_LONGEST_PAUSE, child.pause * 2 + _TICK_SECONDS) if quick else 0.0
            child.not_before = present + child.pause
            child.process = None
        if child.process is None and present >= child.not_before:
            child.process = self._start(child)
            child.started = present
        return died

    def _start(self, child: Child) -> subprocess.Popen[bytes]:
        environment = {**_MEMORY, **os.environ, **self.config.environment(), SERVICE_MARK: self.config.home}
        paths = [
            str(_REPOSITORY),
            str(_REPOSITORY / "collections"),
            *environment.get("PYTHONPATH", "").split(os.pathsep),
        ]
        environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path for path in paths if path))
        command = [sys.executable, "-m", "service", *child.arguments, "--parent", str(os.getpid())]
        return subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, pass_fds=child.handles, start_new_session=True
        )

    def _free_leases(self, engine: Engine) -> None:
        """Operations of workers of this machine that are dead need not wait for the end of their leases."""
        host = socket.gethostname()
        with session_scope(engine) as session:
            workers = session.scalars(select(Operation.worker).where(Operation.state == "running")).all()
            expire(session, [worker for worker in set(workers) if is_dead(worker, host)])

    def _end_children(self) -> None:
        _LOG.info("the service ends")
        processes = [child.process for child in self._children if child.process is not None]
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline and any(process.poll() is None for process in processes):
            time.sleep(_TICK_SECONDS)
        end_marked(SERVICE_MARK, self.config.home)
        for process in processes:
            process.wait()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL of one's own, in a private folder and on a socket in it: nothing else on this machine is touched.

It does not run as root: as root it is started as the user `postgres`, or `nobody` where there is none. The empty
database is made once and kept in build/lab-postgres, so that a start takes a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 120.0
_REPOSITORY = Path(__file__).resolve().parents[3]
_USER = "continuum"
_INITDB = ("--no-sync", "--encoding=UTF8", "--locale=C", "--auth=trust", f"--username={_USER}")
# Processes are killed here, machines are not: what the kernel has got is safe.
_SETTINGS = ("listen_addresses=", "fsync=off", "max_connections=200", "shared_buffers=32MB", "log_lock_waits=on")


class ServerError(Exception):
    """PostgreSQL did not do what it was asked."""


class Server:
    """A server. Use as a context manager, or call `start` and `remove`."""

    def __init__(self) -> None:
        # Paths of sockets are short, and the user that the server runs as may not enter every folder.
        self.folder = Path(tempfile.mkdtemp(prefix="lab-pg-", dir="/tmp"))
        self._data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def missing() -> str:
        """Return why there can be no server here, "" when there can be one."""
        if not programs():
            return "PostgreSQL is not installed (as root: tools/setup-postgres)"
        return "" if os.geteuid() or shutil.which("setpriv") else "setpriv is not installed"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def url(self, database: str = "postgres") -> str:
        """Return the address of a database for SQLAlchemy."""
        return f"postgresql+psycopg://{_USER}@/{database}?host={self.folder}"

    def create(self, database: str) -> str:
        """Make an empty database and return its address."""
        self.run("createdb", "--template=template0", database)
        return self.url(database)

    def run(self, program: str, *words: str, text: str | None = None) -> str:
        """Run one of PostgreSQL's programs (psql, pg_dump) on this server; return what it prints."""
        environment = {**os.environ, "PGHOST": str(self.folder), "PGUSER": _USER}
        command = [str(_programs() / program), *words]
        done = subprocess.run(command, env=environment, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerError(f"{program}: {done.stderr.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start the server and wait until it answers; also after `stop` and `kill`."""
        if not self._data.exists():
            _copy_empty(self._data)
        deadline = time.monotonic() + START_SECONDS
        while True:
            # Processes of one that was killed need a moment to end: until then the next one refuses to start.
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
            with contextlib.suppress(ServerError):
                self.run("psql", "--no-psqlrc", "--dbname=postgres", "--command=SELECT 1")
                return
            if time.monotonic() > deadline:
                raise ServerError(f"PostgreSQL does not start: {self.log()[-2000:]}")
            time.sleep(0.1)

    def _spawn(self) -> subprocess.Popen[bytes]:
        settings = [word for item in _SETTINGS for word in ("-c", item)]
        command = [str(_programs() / "postgres"), "-D", str(self._data), "-k", str(self.folder), *settings]
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                [*_as_user(), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    @property
    def running(self) -> bool:
        """True while the server runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it in order; who is connected is cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill -9 the server; its other processes notice and end by themselves."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def remove(self) -> None:
        """End it and remove everything that it had."""
        self._end(signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)


def programs() -> Path | None:
    """Return the folder of PostgreSQL's programs, the newest ones; None when it is not installed."""
    found = [item.parent for item in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found.sort(key=lambda item: [int(part) for part in item.parent.name.split(".") if part.isdecimal()])
    other = shutil.which("initdb")
    return found[-1] if found else Path(other).resolve().parent if other else None


def _programs() -> Path:
    found = programs()
    if found is None:
        raise ServerError(Server.missing())
    return found


def _owner() -> pwd.struct_passwd:
    """Return the user that the server runs as."""
    if os.geteuid():
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _as_user() -> list[str]:
    """Return the words that start a program as that user; it ends with the process that has started it."""
    if os.geteuid():
        return []
    owner = _owner()
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups", "--pdeathsig=QUIT", "--"]


def _copy_empty(target: Path) -> None:
    """Put an empty database at `target`, whose folder becomes its owner's; made anew when there is none yet."""
    owner, folder = _owner(), _programs()
    os.chown(target.parent, owner.pw_uid, owner.pw_gid)
    key = hashlib.sha256(f"{folder} {owner.pw_uid} {_INITDB}".encode()).hexdigest()[:16]
    cache = _REPOSITORY / "build" / "lab-postgres"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = cache / key
        if not kept.exists():
            _initdb(folder, target)
            draft = cache / f"{key}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            _copy(target, draft)
            draft.rename(kept)
            return
    _copy(kept, target)


def _initdb(folder: Path, target: Path) -> None:
    command = [*_as_user(), str(folder / "initdb"), *_INITDB, "--pgdata", str(target)]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServerError(f"initdb: {done.stderr.strip()}")


def _copy(source: Path, target: Path) -> None:
    """Copy a folder with owners and modes."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True, capture_output=True)

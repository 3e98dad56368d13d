# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service as users run it, in processes of its own, and the official client of the Infrastructure Manager."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
WAIT_SECONDS = 600.0
_KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")


@dataclass
class Client:
    """Runs im_client as a user does; `folder` has the file of credentials of each user, and the service's log."""

    address: str
    folder: Path

    def run(self, *words: str, user: str = "user", check: bool = True, quiet: bool = False) -> str:
        """Return what it prints; with `quiet` only data, or nothing."""
        options = ["-r", self.address, "-a", str(self.folder / f"{user}.dat"), *(["-q"] if quiet else [])]
        command = [str(PROGRAMS / "im_client"), *options, *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=600, check=False, stdin=subprocess.DEVNULL, cwd=self.folder
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def keys(self, user: str = "user") -> list[str]:
        """Return the ids of the user's infrastructures."""
        return _KEY.findall(self.run("list", user=user))

    def states(self, key: str, user: str = "user") -> tuple[str, dict[str, str]]:
        """Wait until nothing is done any more; return the state of all and those of the hosts."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            found = json.loads(self.run("getstate", key, user=user, quiet=True))
            if not {"pending", "running", "deleting"} & {found["state"], *found["vm_states"].values()}:
                return found["state"], found["vm_states"]
            time.sleep(1)
        raise AssertionError(self.run("getcontmsg", key, user=user))

    def wait(self, key: str, user: str = "user") -> dict[str, str]:
        """Wait until nothing is done any more, and all is well; return the states of the hosts."""
        state, states = self.states(key, user)
        assert state in ("configured", "stopped"), self.run("getcontmsg", key, user=user)
        return states

    def shell(self, key: str, command: str, user: str = "user") -> str:
        """Run a command on the front end, by `im_client ssh`; a host that has just booted gets some time."""
        end = time.monotonic() + 90
        while True:
            text = self.run("ssh", key, "0", command, user=user, check=time.monotonic() > end, quiet=True)
            if text.strip():
                return text
            time.sleep(2)


@contextmanager
def running_service(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Client]:
    """Give the client of a service with its home in `folder`; it ends afterwards."""
    log = folder / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve"],
            env={
                **os.environ,
                "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'collections'}",
                "CONTINUUM_HOME": str(folder / "home"),
                "CONTINUUM_BIND": "127.0.0.1:0",
                **(environment or {}),
            },
            cwd=REPOSITORY,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        yield Client(_address(process, log), folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        match = re.search(r'"address": "(http://[^"]+)"', log.read_text(errors="replace"))
        if match is not None:
            return match.group(1)
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace"))

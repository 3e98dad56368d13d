# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of the services."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from ..aws.shell import ShellError
from .layout import SERVICES, Layout

_TESTS = Path(__file__).resolve().parents[2]
_START_SECONDS = 300
_STOP_SECONDS = 20


class Processes:
    """Starts the services of a lab, waits for them, and ends them."""

    def __init__(self, layout: Layout, control: str) -> None:
        self._layout, self._control = layout, control
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start some, or all; raises ShellError when one ends or does not answer."""
        for name in names or SERVICES:
            self._start_one(name)
        self._wait(names or SERVICES)

    def stop(self) -> None:
        """End all, at once: what they know is thrown away, or in the database."""
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait(_STOP_SECONDS)
        self._running = {}

    def dead(self) -> list[str]:
        """Return the services that ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def _start_one(self, name: str) -> None:
        listening = self._layout.listening[name]
        told = {
            "control": self._control,
            "etc": str(self._layout.etc),
            "exchange": str(self._layout.exchange),
            "public": listening.public,
            "sockets": listening.numbers,
            "wake": str(self._layout.wake_socket),
        }
        words = [str(self._layout.python), "-m", "lab.openstack.inside.serve", name]
        with (self._layout.logs / f"{name}.out").open("ab") as log:
            self._running[name] = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**environment(self._layout), "LAB_OPENSTACK": json.dumps(told)},
                cwd=self._layout.state,
                pass_fds=listening.numbers,
                start_new_session=True,
            )
        listening.close()

    def _wait(self, names: Sequence[str]) -> None:
        end = time.monotonic() + _START_SECONDS
        failed: dict[str, str] = {}
        waiting = [threading.Thread(target=self._wait_for, args=(name, end, failed), daemon=True) for name in names]
        for thread in waiting:
            thread.start()
        for thread in waiting:
            thread.join()
        if failed:
            raise ShellError("; ".join(f"{name} did not start: {text}" for name, text in failed.items()))

    def _wait_for(self, name: str, end: float, failed: dict[str, str]) -> None:
        url, process = self._layout.internal(name), self._running[name]
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < end and process.poll() is None:
            try:
                opener.open(url, timeout=max(1.0, end - time.monotonic())).close()
                return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return
                time.sleep(0.2)
            except OSError:
                time.sleep(0.2)
        failed[name] = tail(self._layout.logs / f"{name}.out") or "it does not answer"


def bound(*words: str) -> list[str]:
    """Return a command that the kernel ends when the lab is killed."""
    return ["setpriv", "--pdeathsig", "KILL", *words]


def environment(layout: Layout) -> dict[str, str]:
    """Return the variables for programs of the services' virtual environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OS_", "PYTHON", "VIRTUAL_ENV"))}
    return {
        **kept,
        "PATH": f"{layout.venv}/bin{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}",
        "PYTHONPATH": str(_TESTS),
        # Where stevedore keeps what it knows of entry points.
        "XDG_CACHE_HOME": str(layout.venv.parent / "cache"),
        "no_proxy": "127.0.0.1,localhost",
    }


def tail(path: Path, size: int = 1500) -> str:
    """Return the end of a file."""
    return path.read_text(encoding="utf-8", errors="replace")[-size:] if path.exists() else ""

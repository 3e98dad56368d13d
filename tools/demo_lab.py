# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clouds that `make demo` has on this machine: a lab is started when it is needed, kept while it has something, and
ended when everything in it was destroyed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
LABS = {"aws": "lab.aws", "openstack": "lab.openstack"}
_WHAT = {
    "aws": "an emulator of its API, with real hosts behind it",
    "openstack": "its own services, with real hosts behind them; the first start takes some minutes",
}
_STOP_SECONDS = 120


class DemoLab:
    """The lab of a cloud, which lives on between two calls of make."""

    def __init__(self, cloud: str) -> None:
        self.cloud = cloud
        self.folder = REPOSITORY / "build" / f"lab-{cloud}"
        self._file = self.folder / "running.json"

    def environment(self) -> dict[str, str]:
        """Return the variables that lead to the lab; it is started when it does not run. Raises SystemExit."""
        found = self._running() or self._start()
        return dict(found["environment"])

    def end_when_empty(self) -> None:
        """Ask the lab for everything it has; end it when that is what it had at its start, else say what is there."""
        found = self._running()
        if found is None:
            return
        there, before = self._ask(found, "describe"), found["before"]
        more = [kind for kind, items in there.items() if items != before.get(kind, [])]
        if more:
            print(f"The lab of {self.cloud} goes on, it still has something: {', '.join(sorted(more))}.")
            return
        self._end(int(found["pid"]))
        print(f"The lab of {self.cloud} has nothing that it had not at its start. It was ended.")

    def _running(self) -> dict[str, Any] | None:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            self._ask(found, "calls")
        except (OSError, ValueError):
            return None
        return dict(found)

    def _start(self) -> dict[str, Any]:
        print(f"Starting the lab of {self.cloud} on this machine: {_WHAT[self.cloud]}.", flush=True)
        self._set_up()
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "lab.log"
        words = [sys.executable, "-m", LABS[self.cloud], "serve", "--state", str(self.folder / "state")]
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                words,
                cwd=REPOSITORY / "tests",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        line = process.stdout.readline() if process.stdout else ""
        if not line.strip():
            raise SystemExit(f"The lab of {self.cloud} did not start: {log.read_text(encoding='utf-8')[-1500:]}")
        found: dict[str, Any] = {**json.loads(line), "pid": process.pid}
        found["before"] = self._ask(found, "describe")
        self._file.write_text(json.dumps(found), encoding="utf-8")
        return found

    def _set_up(self) -> None:
        """Install what the lab needs of the system; the program says what is missing when it may not."""
        program = REPOSITORY / "tools" / f"setup-lab-{self.cloud}"
        if program.exists() and subprocess.run([str(program)], check=False).returncode:
            raise SystemExit(1)

    def _ask(self, found: dict[str, Any], what: str) -> Any:
        request = urllib.request.Request(f"{found['endpoint']}/lab/{what}", method="GET")  # noqa: S310 - our own lab
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)

    def _end(self, pid: int) -> None:
        self._file.unlink(missing_ok=True)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < end:
                os.kill(pid, 0)
                time.sleep(0.2)


def labs_of(clouds: str) -> list[DemoLab]:
    """Return the labs of clouds, given as `aws` or `openstack,aws`; those that need none are left out."""
    return [DemoLab(cloud) for cloud in clouds.split(",") if cloud in LABS]

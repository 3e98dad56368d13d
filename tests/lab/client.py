# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all labs have in common for tests: a lab is a process of its own that is started, asked and ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Any, ClassVar, Self

# The first start on a machine installs the cloud and makes the image of the hosts.
START_SECONDS = 1500
STOP_SECONDS = 180
_TESTS = Path(__file__).resolve().parents[1]


class LabError(Exception):
    """The lab did not do what it was asked."""


class LabProcess:
    """A lab that runs. Use as a context manager, or call `stop`. `module` is the package that is run as a program."""

    module: ClassVar[str] = ""

    def __init__(self, process: subprocess.Popen[str], announced: dict[str, Any], state: Path) -> None:
        self._process = process
        self.state = state
        self.endpoint: str = announced["endpoint"]
        self.environment: dict[str, str] = announced["environment"]
        # The address from which hosts see this machine.
        self.machine: str = announced["machine"]

    @classmethod
    def start(cls, hosts: bool = True, state: Path | None = None, *options: str) -> Self:
        """Start a lab that keeps its files in `state`; raises LabError when it does not come up."""
        folder = state or Path(os.environ.get("TMPDIR", "/tmp")) / f"{cls.module.replace('.', '-')}-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", cls.module, "serve", "--until-eof", "--state", str(folder), *options]
        path = os.pathsep.join([str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
        with (folder / "lab.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                words if hosts else [*words, "--no-hosts"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,
            )
        try:
            return cls(process, json.loads(_first_line(process)), folder)
        except ValueError as error:
            _end(process)
            words_of = (folder / "lab.log").read_text(encoding="utf-8", errors="replace")[-2000:]
            raise LabError(f"the lab did not start: {words_of}") from error

    def reset(self) -> None:
        """Empty the account or project; hosts, faults, calls and settings go too."""
        self._ask("reset")

    def describe(self) -> dict[str, list[Any]]:
        """Return every item of every kind; what is equal before and after left nothing behind."""
        return dict(self._ask("describe"))

    def calls(self) -> list[str]:
        """Return the calls of the API since `forget_calls`, like ec2:RunInstances or compute:POST /servers."""
        return list(self._ask("calls"))

    def forget_calls(self) -> None:
        """Begin the list of calls anew."""
        self._ask("forget_calls")

    def add_fault(self, kind: str, action: str | None = None, nth: int | None = None, count: int = 1) -> None:
        """Let a fault strike `count` times (-1 = always) from the nth matching call on."""
        self._ask("faults", kind=kind, action=action or "", nth=nth or 0, count=count)

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._ask("clear_faults")

    def struck(self) -> int:
        """Return how often faults struck."""
        return int(self._ask("struck"))

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings and return all."""
        return dict(self._ask("settings", **changes))

    def stop(self) -> None:
        """End the lab; it removes all that it made."""
        _end(self._process)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ask(self, name: str, **body: Any) -> Any:
        request = urllib.request.Request(f"{self.endpoint}/lab/{name}", json.dumps(body).encode(), method="POST")  # noqa: S310
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=STOP_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise LabError(f"{name}: {error.read().decode()}") from error


def _first_line(process: subprocess.Popen[str]) -> str:
    lines: list[str] = []
    stream: IO[str] | None = process.stdout

    def read() -> None:
        lines.append(stream.readline() if stream is not None else "")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(START_SECONDS)
    return lines[0] if lines else ""


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the command line of podman or docker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._hosts.model import HostsError

TIMEOUT = 120
_CANDIDATES = ("podman", "docker")
_HINT = (
    "install podman and netavark and run Ansible as root (hosts must be reachable by their addresses), or start docker."
)


class EngineError(Exception):
    """The engine refused a call; the message is what it said."""


@dataclass(frozen=True)
class Engine:
    """A container engine: its program and the global options that this machine needs."""

    name: str
    program: str
    version: str = ""
    options: tuple[str, ...] = ()

    def run(self, *arguments: str, timeout: float = TIMEOUT, text: str | None = None) -> str:
        """Run the engine with `arguments` (and `text` as its input), return what it prints; raises EngineError."""
        return run_program([self.program, *self.options, *arguments], timeout, text)

    def run_json(self, *arguments: str) -> Any:
        """Run the engine and return its answer, which is JSON; raises EngineError."""
        answer = self.run(*arguments)
        try:
            return json.loads(answer or "[]")
        except ValueError as error:
            raise EngineError(f"{self.name} {arguments[0]} did not answer with JSON") from error

    def with_runtime(self, runtime: str) -> Engine:
        """Return the same engine using another OCI runtime."""
        return replace(self, options=("--runtime", runtime)) if runtime else self


def run_program(argv: Sequence[str], timeout: float, text: str | None = None) -> str:
    """Run a program without a shell and return its output; raises EngineError with its last words."""
    try:
        done = subprocess.run(
            list(argv),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            timeout=timeout,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise EngineError(f"no answer within {timeout:.0f} s") from error
    except OSError as error:
        raise EngineError(str(error)) from error
    if done.returncode != 0:
        raise EngineError(last_words(done.stderr) or f"exit code {done.returncode}")
    return done.stdout


def last_words(text: str) -> str:
    """Return the lines of an engine's complaint that say something, in one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("time=", "failed to connect to syslog"))] or lines
    errors = [line for line in telling if "rror" in line] or telling
    return "; ".join(line.removeprefix("Error: ") for line in errors[-2:])[:600]


def find_engine(wanted: str = "auto") -> Engine:
    """Return an engine that answers: podman first, then docker, or the `wanted` one; raises HostsError."""
    reasons = []
    for name in _CANDIDATES if wanted == "auto" else (wanted,):
        program = shutil.which(name)
        if program is None:
            reasons.append(f"{name} is not installed")
            continue
        try:
            return _ask(name, program)
        except EngineError as error:
            reasons.append(f"{name} does not work ({error})")
    raise HostsError(f"There is no container engine for the local cloud: {', '.join(reasons)}.", _HINT)


def _ask(name: str, program: str) -> Engine:
    engine = Engine(name, program)
    if name == "podman":
        version = engine.run("version", "--format", "{{json .}}", timeout=30)
        return read_podman_version(engine, json.loads(version), os.geteuid())
    return read_docker_info(engine, json.loads(engine.run("info", "--format", "{{json .}}", timeout=30)))


def read_podman_version(engine: Engine, answer: dict[str, Any], user: int) -> Engine:
    """Return the engine with its version; raises EngineError when hosts would not be reachable by their addresses."""
    if answer.get("Server"):
        raise EngineError("it runs on another machine, hosts would not be reachable")
    if user != 0:
        raise EngineError("without root it gives hosts no address that can be reached")
    return replace(engine, version=str(answer.get("Client", {}).get("Version", "")))


def read_docker_info(engine: Engine, answer: dict[str, Any]) -> Engine:
    """Return the engine with its version; raises EngineError without a daemon or without reachable hosts."""
    if answer.get("ServerErrors") or not answer.get("ServerVersion"):
        raise EngineError("; ".join(answer.get("ServerErrors") or ["no daemon answers"]))
    if any("rootless" in option for option in answer.get("SecurityOptions") or []):
        raise EngineError("without root it gives hosts no address that can be reached")
    return replace(engine, version=str(answer["ServerVersion"]))

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one operation: ansible-runner, or the simulated cloud, on a leash.

The command is a child of this process and dies with it (see leash.py); everything of it carries the mark of its
infrastructure. Secrets of its environment lie in memory only: ansible-runner writes what it knows of the environment
to a file.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ansible_runner import Runner, RunnerConfig

from ..config import Config
from ..static_hosts import without_static
from .events import Recorder
from .processes import RUN_MARK, SERVICE_MARK, Process, end_marked, marked, signal_process
from .task import Task, environment_of_runs, write_inputs

_LEASH = Path(__file__).with_name("leash.py")
_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")


@dataclass
class Ended:
    """How a run ended: its exit code, None when nobody knows it; `lost` when it was killed by somebody else."""

    code: int | None
    lost: bool = False


@dataclass
class Leash:
    """The way to end a run from another thread. `reason` is why; the first one counts."""

    mark: str
    reason: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop(self, reason: str, hard: bool = False) -> None:
        """Ask the run to end; with `hard` it ends at once."""
        with self._lock:
            self.reason = self.reason or reason
        if hard:
            end_marked(RUN_MARK, self.mark)
            return
        for process in self._held():
            signal_process(process, signal.SIGTERM)

    def _held(self) -> list[Process]:
        """The leash is a child of this process; it does the rest."""
        own = os.getpid()
        return [item for item in marked(RUN_MARK, self.mark) if item.parent == own]


class Executor(Protocol):
    """Carries out one operation."""

    def run(self, task: Task, folder: Path, environment: Mapping[str, str], recorder: Recorder, leash: Leash) -> Ended:
        """Run to the end; `environment` holds the credentials."""


def executor_for(config: Config, task: Task) -> Executor:
    """Return what carries out the operations of an infrastructure."""
    return DummyExecutor(config) if config.dummy_cloud or task.cloud == "dummy" else AnsibleExecutor(config)


@contextmanager
def secret_file(content: Mapping[str, str]) -> Iterator[str]:
    """Give the path of a file with JSON that is only in memory, and only as long as this process lives."""
    handle = os.memfd_create("environment", os.MFD_CLOEXEC)
    try:
        os.write(handle, json.dumps(dict(content)).encode())
        yield f"/proc/{os.getpid()}/fd/{handle}"
    finally:
        os.close(handle)


def leashed(mark: str, environment: str, command: list[str]) -> list[str]:
    """Return the command line that runs a command on a leash."""
    own = [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()), environment, f"{RUN_MARK}={mark}"]
    return [*own, *command]


class AnsibleExecutor:
    """Runs a playbook of the collection by ansible-runner."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def run(self, task: Task, folder: Path, environment: Mapping[str, str], recorder: Recorder, leash: Leash) -> Ended:
        """Run the playbook."""
        variables = write_inputs(folder, task, environment)
        settings = RunnerConfig(
            private_data_dir=str(folder),
            playbook=f"continuum.im.{task.playbook}",
            cmdline=f"-e {shlex.quote(f'@{variables}')}",
            suppress_output_file=True,
            quiet=True,
            envvars={"ANSIBLE_STDOUT_CALLBACK": "continuum.im.progress"},
            project_dir=str(folder),
        )
        settings.prepare()
        own = {name: value for name, value in settings.env.items() if name.startswith(_RUNNER) or name in _CALLBACK}
        marks = {RUN_MARK: task.infrastructure_id, SERVICE_MARK: self._config.home}
        # What Ansible keeps for the time of a run may be secret: it goes with the folder, even after kill -9.
        kept = {"ANSIBLE_LOCAL_TEMP": str(folder / "tmp"), "ANSIBLE_PIPELINING": "True"}
        settings.env = {**environment_of_runs(self._config, os.environ), **kept, **own, **marks}
        settings.cwd = str(folder)
        with secret_file(without_static(environment)) as secrets:
            settings.command = leashed(task.infrastructure_id, secrets, [str(_PLAYBOOK), *settings.command[1:]])
            runner = Runner(config=settings, event_handler=recorder.handle)
            runner.run()
        # The leash answers with 128 + signal; it has no exit code when it was killed itself.
        code = runner.rc
        killed = code is None or code >= 128 or (code != 0 and recorder.killed)
        return Ended(code, lost=bool(killed and not leash.reason))


_RUNNER = ("AWX_", "RUNNER_")
_CALLBACK = ("ANSIBLE_STDOUT_CALLBACK", "ORIGINAL_STDOUT_CALLBACK", "ANSIBLE_CALLBACK_PLUGINS")


class DummyExecutor:
    """Runs the simulated cloud as a process of its own, as if it were Ansible."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def run(self, task: Task, folder: Path, environment: Mapping[str, str], recorder: Recorder, leash: Leash) -> Ended:
        """Run it; its events are lines of JSON."""
        variables = write_inputs(folder, task)
        command = [sys.executable, "-m", "service.operations.dummy", task.kind, str(variables)]
        marks = {RUN_MARK: task.infrastructure_id, SERVICE_MARK: self._config.home}
        base = {**environment_of_runs(self._config, os.environ), **marks, **self._settings()}
        with (
            secret_file(environment) as secrets,
            subprocess.Popen(
                leashed(task.infrastructure_id, secrets, command),
                env=base,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process,
        ):
            for line in process.stdout or ():
                recorder.handle(_event(line))
            code = process.wait()
        return Ended(code, lost=bool((code < 0 or code >= 128) and not leash.reason))

    def _settings(self) -> dict[str, str]:
        names = ("CONTINUUM_DUMMY_DELAY", "CONTINUUM_DUMMY_OUTCOME")
        own = self._config.environment()
        return {**{name: own[name] for name in names}, "PYTHONPATH": os.pathsep.join(_import_paths())}


def _import_paths() -> list[str]:
    repository = Path(__file__).resolve().parents[2]
    return [str(repository), str(repository / "collections")]


def _event(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {"event": "verbose", "stdout": line}
    return found if isinstance(found, dict) else {"event": "verbose", "stdout": line}


__all__ = ["AnsibleExecutor", "DummyExecutor", "Ended", "Executor", "Leash", "executor_for"]

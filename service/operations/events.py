# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ansible-runner tells becomes rows: phase, host, task, status, seconds, a message in plain words.

The recorder is called in the thread that runs Ansible; another thread takes what it has collected and writes it, so
that a slow database never holds up a run.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ..db.models import Event, now
from .fold import Failure, message_of, was_killed
from .redact import Redactor

_LONGEST_MESSAGE = 4000
_LAST_LINES = 40
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FAILED_INSIDE = re.compile(r"^(?:FAILED on (\S+?): (.*)|UNREACHABLE: (\S+?): (.*))$")
_NO_NEWS = "Validating arguments against arg spec"
_ALL_ITEMS = "All items completed"
Instances = list[dict[str, Any]]


class Recorder:
    """Collects what happens in one run."""

    def __init__(
        self,
        infrastructure_id: str,
        operation_id: int,
        generation: int,
        redactor: Redactor,
    ) -> None:
        self.redactor = redactor
        self.result: dict[str, Any] = {}
        self.failures: list[Failure] = []
        self.killed = False
        self.lines: deque[str] = deque(maxlen=_LAST_LINES)
        self.play = ""
        self.progress = ""
        self._ids = (infrastructure_id, operation_id, generation)
        self.errors: list[str] = []
        self._told: list[tuple[Failure, list[Event]]] = []
        self._inside = False
        self._lock = threading.Lock()
        self._rows: list[Event] = []
        self._instances: Instances | None = None
        self._handlers: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
            "playbook_on_play_start": self._on_play,
            "playbook_on_task_start": self._on_task,
            "playbook_on_stats": self._on_stats,
            "runner_on_ok": self._on_ok,
            "runner_on_failed": self._on_failed,
            "runner_on_unreachable": self._on_unreachable,
            "verbose": self._on_line,
            "warning": self._on_line,
            "error": self._on_line,
            "system_warning": self._on_line,
        }

    def handle(self, event: dict[str, Any]) -> bool:
        """Take an event of ansible-runner; False, so that it writes no file of it."""
        handler = self._handlers.get(str(event.get("event")))
        data = event.get("event_data")
        if handler is not None:
            handler(event, data if isinstance(data, dict) else {})
        return False

    def tell(self, message: str, status: str = "info", host: str = "", task: str = "", seconds: float = 0.0) -> Event:
        """Add a row and return it."""
        infrastructure_id, operation_id, generation = self._ids
        row = Event(
            infrastructure_id=infrastructure_id,
            operation_id=operation_id,
            generation=generation,
            at=now(),
            phase=self.redactor.text(self.play),
            host=host,
            task=self.redactor.text(task),
            status=status,
            seconds=round(seconds, 3),
            message=_shortened(self.redactor.text(message)),
        )
        with self._lock:
            self._rows.append(row)
        return row

    def take(self) -> tuple[list[Event], Instances | None]:
        """Return the rows that are not written yet, and the hosts of the cloud if they have been listed anew."""
        with self._lock:
            rows, self._rows = self._rows, []
            instances, self._instances = self._instances, None
        return rows, instances

    def put_back(self, rows: list[Event], instances: Instances | None) -> None:
        """Take back what could not be written."""
        with self._lock:
            self._rows = rows + self._rows
            self._instances = self._instances if self._instances is not None else instances

    def saw(self, instances: Instances) -> None:
        """Remember the hosts as the cloud has just listed them."""
        with self._lock:
            self._instances = instances

    def _on_play(self, _event: dict[str, Any], data: dict[str, Any]) -> None:
        self.play = str(data.get("name") or data.get("play") or "")
        self.progress = self.play

    def _on_task(self, _event: dict[str, Any], data: dict[str, Any]) -> None:
        self.progress = f"{self.play}: {data.get('task', '')}"

    def _on_stats(self, _event: dict[str, Any], data: dict[str, Any]) -> None:
        found = data.get("artifact_data")
        self.result = found if isinstance(found, dict) else {}

    def _on_ok(self, event: dict[str, Any], data: dict[str, Any]) -> None:
        result = _result(data)
        facts = result.get("ansible_facts")
        if isinstance(facts, dict) and isinstance(facts.get("im_instances"), list):
            self.saw(facts["im_instances"])
        where = _where(event, data)
        self._tell_printed(result)
        if where["task"].startswith(_NO_NEWS):
            return
        message = message_of(result)
        self.tell("" if message == _ALL_ITEMS else message, "changed" if result.get("changed") else "ok", **where)

    def _on_failed(self, event: dict[str, Any], data: dict[str, Any]) -> None:
        result = {**_result(data), "failed": True}
        message = self.redactor.text(message_of(result))
        where = _where(event, data)
        if data.get("ignore_errors"):
            self.tell(message, "ok", **where)
            return
        self.killed = self.killed or was_killed(where["host"], result, message)
        self._settle(where["host"], where["task"])
        self._tell_printed(result)
        self.failures.append(Failure(where["host"], where["task"], message))
        self.tell(message, "failed", **where)

    def _on_unreachable(self, event: dict[str, Any], data: dict[str, Any]) -> None:
        where = _where(event, data)
        message = message_of({**_result(data), "unreachable": True})
        self._settle(where["host"], where["task"])
        self.failures.append(Failure(where["host"], where["task"], self.redactor.text(message), unreachable=True))
        self.tell(message, "unreachable", **where)

    def _on_line(self, event: dict[str, Any], _data: dict[str, Any]) -> None:
        error = event.get("event") == "error"
        for line in str(event.get("stdout", "")).splitlines():
            plain = self.redactor.text(_COLOUR.sub("", line).rstrip())
            text = plain.strip()
            if not text:
                continue
            (self.errors if error else self.lines).append(text)
            self.killed = self.killed or was_killed("", {}, text)
            inside = _FAILED_INSIDE.match(text)
            if inside is not None:
                # Told by the callback: of a task, whose event follows, or of one of a playbook inside of a task.
                host, task, silent, message = inside.groups()
                failure = Failure(host or silent, task or "", message or "", unreachable=silent is not None)
                self._told.append((failure, []))
            elif self._inside and plain.startswith("  "):
                failure, rows = self._told[-1]
                self._told[-1] = (replace(failure, message=f"{failure.message}\n{text}".strip()), rows)
            self._inside = inside is not None or (self._inside and plain.startswith("  "))
            row = self.tell(text, "failed" if self._inside or error else "info")
            if self._inside:
                self._told[-1][1].append(row)

    def _tell_printed(self, result: dict[str, Any]) -> None:
        """What recipes in the sandbox have printed comes with the result of the task around them."""
        inner = result.get("continuum_progress")
        output = inner.get("output") if isinstance(inner, dict) else None
        for play, found in output.items() if isinstance(output, dict) else ():
            for task, printed in found.get("tasks", {}).items():
                self.tell(message_of({"msg": printed.get("output")}), "ok", host="localhost", task=f"{play}: {task}")

    def _settle(self, host: str, task: str) -> None:
        """A task's own event has come: the lines about it go, those about inner playbooks stay and come first."""
        name = task.rpartition(" : ")[2]
        for failure, rows in self._told:
            if failure.host == host and failure.task.rpartition(" : ")[2] in (name, ""):
                with self._lock:
                    self._rows = [row for row in self._rows if row not in rows]
            else:
                self.failures.append(failure)
        self._told, self._inside = [], False


def _result(data: dict[str, Any]) -> dict[str, Any]:
    found = data.get("res")
    return found if isinstance(found, dict) else {}


def _where(_event: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    seconds = data.get("duration")
    return {
        "host": str(data.get("host") or ""),
        "task": str(data.get("task") or ""),
        "seconds": float(seconds) if isinstance(seconds, (int, float)) else 0.0,
    }


def _shortened(message: str) -> str:
    return message if len(message) <= _LONGEST_MESSAGE else message[: _LONGEST_MESSAGE - 4] + " ..."


def log_time(at: datetime) -> str:
    """Return a time as logs of the Infrastructure Manager show it."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

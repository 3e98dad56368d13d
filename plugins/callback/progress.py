# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
author: continuum.im authors (@continuum-im)
short_description: One line a phase instead of a wall of tasks
description:
  - Shows each play that has hosts as one line, with its hosts and the time it took, then what failed in full.
  - A play that takes longer is announced, and what modules on the controller tell meanwhile is shown at once.
  - Ends with a table that says which host ran which roles.
  - Warnings and the messages of M(ansible.builtin.debug) are shown.
  - For everything else use the default callback.
options:
  json_file:
    description: Write timings, roles a host, what modules told, counts and what C(set_stats) gave as JSON to this file.
    type: path
    env:
      - name: CONTINUUM_PROGRESS_FILE
extends_documentation_fragment:
  - default_callback
"""

import atexit
import collections
import json
import os
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase
from ansible_collections.continuum.im.plugins.module_utils._hosts.progress import VARIABLE

_QUIET = {"infrastructure"}
_ANNOUNCED_AFTER = 3.0
_INDENT = " " * 9


class Follower:
    """Shows the lines that modules append to a file, and calls `tick` again and again, until it is stopped.

    `show` must take the display's lock, as Ansible's own does: Ansible holds it while it forks workers.
    """

    def __init__(self, show: Callable[[str], None], tick: Callable[[], None]) -> None:
        self._show, self._tick = show, tick
        handle, self._path = tempfile.mkstemp(prefix="continuum-progress-")
        os.close(handle)
        self._read = 0
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, name="progress", daemon=True)
        os.environ[VARIABLE] = self._path
        self._thread.start()

    def drain(self) -> None:
        """Show what is there."""
        with self._lock, open(self._path, encoding="utf-8", errors="replace") as file:
            file.seek(self._read)
            text = file.read()
            whole = text[: text.rfind("\n") + 1]
            self._read += len(whole.encode())
        # Without the lock: ansible-runner holds the display's lock while it calls us, and we would wait for each other.
        for line in whole.splitlines():
            self._show(line)

    def stop(self) -> None:
        """Show the rest and remove the file."""
        if not self._end.is_set():
            self._end.set()
            self._thread.join(timeout=2)
            self.drain()
            os.environ.pop(VARIABLE, None)
            os.unlink(self._path)

    def _follow(self) -> None:
        while not self._end.wait(0.2):
            self.drain()
            self._tick()


class CallbackModule(CallbackBase):
    """Collects what happens a play; prints when a play ends."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "continuum.im.progress"

    def __init__(self) -> None:
        super().__init__()
        self._started = time.monotonic()
        self._play = ""
        self._play_started = self._started
        self._hosts: set[str] = set()
        self._changed: set[str] = set()
        self._plays: list[dict[str, Any]] = []
        self._roles: dict[str, list[str]] = collections.defaultdict(list)
        self._announced = False
        self._printed_by = ""
        self._output: dict[str, dict[str, Any]] = {}
        self._inner_totals: dict[str, int] = {}
        self._told: list[tuple[float, str]] = []
        self._follower: Follower | None = None

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """A run begins."""
        self._follower = Follower(self._tell, self._announce)
        atexit.register(self._follower.stop)  # runs that are interrupted have no stats

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A play begins: the one before is over."""
        self._end_play()
        self._play_started = time.monotonic()
        self._announced = False
        self._play = play.get_name()
        # Plays of recipes say under which name their output is looked for (`ansible_output`).
        self._printed_by = str(play.get_vars().get("im_play") or "")

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Nothing to do in this play."""
        self._play = ""

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well on a host."""
        name = result._host.get_name()
        self._hosts.add(name)
        if result._result.get("changed"):
            self._changed.add(name)
        inner = result._result.get("continuum_progress")
        if isinstance(inner, dict):
            self._adopt(inner)
        role = result._task._role.get_name() if result._task._role else None
        if role and name != "localhost" and role.rpartition(".")[2] not in _QUIET and role not in self._roles[name]:
            self._roles[name].append(role)
        self._handle_warnings(result._result)
        if self._display.verbosity == 0 and self._file_on_disk_diff():
            self.v2_on_file_diff(result)
        if result._task.action in constants._ACTION_DEBUG and self._printed_by:
            name_of_task = result._task.get_name()
            tasks = self._output.setdefault(self._printed_by, {}).setdefault("tasks", {})
            tasks[name_of_task] = {"state": "ok", "output": _printed(result._result)}
        elif result._task.action in constants._ACTION_DEBUG and "msg" in result._result:
            self._show_message(result._result["msg"])

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Loop items are counted with their task."""

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A task failed: everything a person needs to see why."""
        if ignore_errors:
            return
        text = result._result.get("msg") or self._dump_results(result._result)
        self._display.display(
            f"FAILED on {result._host.get_name()}: {result._task.get_name()}", color=constants.COLOR_ERROR, stderr=True
        )
        self._display.display(f"  {text}", color=constants.COLOR_ERROR, stderr=True)
        for stream in ("stderr", "module_stderr", "stdout"):
            if result._result.get(stream):
                self._display.display(
                    f"  {str(result._result[stream]).strip()}", color=constants.COLOR_ERROR, stderr=True
                )

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host cannot be reached."""
        text = result._result.get("msg", "no reason given")
        self._display.display(
            f"UNREACHABLE: {result._host.get_name()}: {text}", color=constants.COLOR_UNREACHABLE, stderr=True
        )

    def v2_on_file_diff(self, result: Any) -> None:
        """Show differences when --diff is given."""
        if not self._file_on_disk_diff() or not result._result.get("changed"):
            return
        for item in result._result.get("results", [result._result]):
            if item.get("diff") and item.get("changed"):
                self._display.display(self._get_diff(item["diff"]))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Everything is over: who ran what, and the counts that Ansible people look for."""
        self._end_play()
        if self._follower is not None:
            self._follower.stop()
        inside = "IN_CONTINUUM_SANDBOX" in os.environ
        for host in sorted(self._roles) if not inside else ():
            names = ", ".join(role.removeprefix("continuum.im.") for role in self._roles[host])
            self._display.display(f"roles on {host}: {names}")
        totals = {name: sum(getattr(stats, name).values()) for name in ("ok", "changed", "failures", "dark", "skipped")}
        for name, count in self._inner_totals.items():
            totals[name] = totals.get(name, 0) + count
        seconds = time.monotonic() - self._started
        counts = " ".join(
            f"{'unreachable' if name == 'dark' else 'failed' if name == 'failures' else name}={value}"
            for name, value in totals.items()
        )
        if not inside:
            self._display.display(f"{seconds:6.1f} s in all: {counts}")
        self._write(totals, seconds, stats.custom.get("_run", {}))

    def _file_on_disk_diff(self) -> bool:
        return bool(self.get_option("display_ok_hosts")) and bool(constants.DIFF_ALWAYS or _diff_wanted())

    def _end_play(self) -> None:
        if self._follower is not None:
            self._follower.drain()
        if self._play and self._hosts:
            seconds = time.monotonic() - self._play_started
            hosts = _short(self._hosts)
            changed = f", changed {len(self._changed)}" if self._changed else ""
            self._display.display(f"{seconds:6.1f} s  {self._play} ({hosts}{changed})")
            self._plays.append({"play": self._play, "seconds": round(seconds, 2), "hosts": sorted(self._hosts)})
        self._play = ""
        self._hosts, self._changed = set(), set()

    def _adopt(self, inner: dict[str, Any]) -> None:
        """Count what a playbook did that ran inside of a task."""
        for host, names in inner.get("roles", {}).items():
            self._roles[str(host)].extend(name for name in names if name not in self._roles[str(host)])
        self._plays.extend(inner.get("plays", []))
        for name, count in inner.get("totals", {}).items():
            # Its failures are the task's own.
            if name in ("ok", "changed", "skipped"):
                self._inner_totals[name] = self._inner_totals.get(name, 0) + int(count)

    def _show_message(self, message: Any) -> None:
        for line in message if isinstance(message, list) else [message]:
            self._display.display(f"{_INDENT}{line}")

    def _tell(self, line: str) -> None:
        self._announce(at_once=True)
        self._told.append((round(time.monotonic() - self._started, 2), line))
        self._display.display(f"{_INDENT}  {line}")

    def _announce(self, at_once: bool = False) -> None:
        """Name a play that takes its time, before it ends."""
        play = self._play
        if play and not self._announced and (at_once or time.monotonic() - self._play_started > _ANNOUNCED_AFTER):
            self._announced = True
            self._display.display(f"{_INDENT}{play} ...")

    def _write(self, totals: dict[str, int], seconds: float, result: dict[str, Any]) -> None:
        path = self.get_option("json_file")
        if path:
            data = {
                "plays": self._plays,
                "roles": self._roles,
                "told": self._told,
                "output": self._output,
                "totals": totals,
                "seconds": round(seconds, 2),
                "result": result,
            }
            with open(os.path.expanduser(path), "w", encoding="utf-8") as file:
                json.dump(data, file)


def _diff_wanted() -> bool:
    from ansible import context

    return bool(context.CLIARGS.get("diff"))


def _printed(result: dict[str, Any]) -> Any:
    """What a debug task shows: its message, or the value of its one variable."""
    if "msg" in result:
        return result["msg"]
    own = [key for key in result if not key.startswith("_") and key not in ("changed", "failed")]
    return result[own[0]] if own else None


def _short(hosts: set[str]) -> str:
    names = sorted(hosts)
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} hosts"

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.runner import Job, run
from ansible_collections.continuum.im.plugins.plugin_utils._translate import COLLECTION

_QUIET = {"failures": "failed", "dark": "unreachable"}


class ActionModule(ActionBase):
    """Runs a playbook of a generated project in the sandbox, and shows what it prints."""

    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the playbook handed over; fails when it fails."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _checked, given = self.validate_argument_spec(
            argument_spec={
                "project": {"type": "path", "required": True},
                "keys": {"type": "path", "required": True},
                "playbook": {"type": "str", "required": True},
                "instances": {"type": "list", "elements": "dict", "required": True},
                "surplus": {"type": "list", "elements": "dict", "default": []},
                "galaxy": {"type": "path"},
                "variables": {"type": "dict", "default": {}},
            }
        )
        # ansible-runner puts a callback of its own before the one that was chosen; the sandbox does not have it.
        chosen = os.environ.get("ORIGINAL_STDOUT_CALLBACK") or os.environ.get("ANSIBLE_STDOUT_CALLBACK")
        callback = chosen if chosen and chosen != "awx_display" else "ansible.builtin.default"
        job = Job(
            project=given["project"],
            keys=given["keys"],
            playbook=given["playbook"],
            collection=COLLECTION,
            instances=given["instances"],
            surplus=given["surplus"],
            galaxy=given["galaxy"] if given["galaxy"] and os.path.isdir(given["galaxy"]) else "",
            options=self._options(),
            callback=callback,
            variables=given["variables"],
        )
        ended = run(job, os.environ, self._display.display)
        totals = ended.progress.get("totals", {})
        result.update(
            changed=bool(totals.get("changed")),
            continuum_progress=ended.progress,
            refused=ended.refused,
            ansible_output=_kept_output(os.path.join(job.keys, "ansible_output.json"), ended.progress.get("output")),
        )
        if ended.code:
            result.update(failed=True, msg=_message(totals, ended.code, ended.refused))
        return result

    def _options(self) -> tuple[str, ...]:
        wanted = {"--check": self._task.check_mode, "--diff": self._task.diff}
        verbose = ("-" + "v" * self._display.verbosity,) if self._display.verbosity else ()
        return (*(name for name, given in wanted.items() if given), *verbose)


def _kept_output(path: str, fresh: Any) -> dict[str, Any]:
    """Return what tasks printed in this run and, where they did not run again, in earlier ones; keep it."""
    try:
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
    except (OSError, ValueError):
        known = {}
    for play, tasks in fresh.items() if isinstance(fresh, dict) else ():
        known[play] = tasks
    if known:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(known, file)
    return dict(known)


def _message(totals: dict[str, int], code: int, refused: list[str]) -> str:
    counts = ", ".join(f"{totals[key]} {word}" for key, word in _QUIET.items() if totals.get(key))
    reason = f" ({counts})" if counts else f" (exit code {code})"
    more = f" The sandbox refused: {'; '.join(refused)}." if refused else ""
    return f"Configuring the hosts ended with an error{reason}; what failed is shown above.{more}"

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a `configure` section becomes a list of tasks: plays are opened, since a template says where they run."""

from __future__ import annotations

from typing import Any

import yaml

from ..errors import BadRequest

_MARK = "Error parsing request body: "
_TASKS = ("pre_tasks", "roles", "tasks", "post_tasks")
_OF_PLAY = (
    "hosts",
    "name",
    "gather_facts",
    "connection",
    "user",
    "remote_user",
    "serial",
    "any_errors_fatal",
    "strategy",
)
_OF_BLOCK = ("vars", "environment", "become", "become_user", "ignore_errors", "tags", "when")
_MOST_BYTES = 1_000_000


def tasks_of(name: str, text: str | None) -> list[dict[str, Any]]:
    """Return the tasks of a recipe. Raises `BadRequest` when it is no list of plays or tasks."""
    if not text or not text.strip():
        return []
    if len(text) > _MOST_BYTES:
        raise BadRequest(f"{_MARK}The recipe '{name}' is too long.")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f" (line {place.line + 1})" if place is not None else ""
        raise BadRequest(f"{_MARK}The recipe '{name}' is not YAML{where}.") from None
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, dict) and item for item in found):
        raise BadRequest(f"{_MARK}The recipe '{name}' is not a list of plays or tasks.")
    tasks: list[dict[str, Any]] = []
    for item in found:
        tasks.extend(_play(name, item) if any(key in item for key in (*_TASKS, "hosts", "vars_files")) else [item])
    return tasks


def _play(name: str, play: dict[str, Any]) -> list[dict[str, Any]]:
    unknown = [str(key) for key in play if key not in (*_TASKS, *_OF_PLAY, *_OF_BLOCK)]
    if unknown:
        raise BadRequest(f"{_MARK}The recipe '{name}' uses '{unknown[0]}' in a play, which is not supported here.")
    tasks: list[dict[str, Any]] = []
    for part in _TASKS:
        entries = play.get(part) or []
        if not isinstance(entries, list):
            raise BadRequest(f"{_MARK}'{part}' of the recipe '{name}' is not a list.")
        tasks.extend(_role(item) if part == "roles" else item for item in entries)
    around = {key: play[key] for key in _OF_BLOCK if key in play}
    if not all(isinstance(task, dict) for task in tasks):
        raise BadRequest(f"{_MARK}The recipe '{name}' has a task that is not a mapping.")
    return [{"block": tasks, **around}] if around and tasks else tasks


def _role(item: Any) -> dict[str, Any]:
    if isinstance(item, str):
        return {"ansible.builtin.include_role": {"name": item}}
    if not isinstance(item, dict):
        return {"ansible.builtin.include_role": {"name": str(item)}}
    rest = {key: value for key, value in item.items() if key not in ("role", "name", "vars", "when", "tags", "become")}
    values = {**rest, **(item.get("vars") or {})}
    task: dict[str, Any] = {"ansible.builtin.include_role": {"name": item.get("role") or item.get("name")}}
    if values:
        task["vars"] = values
    return {**task, **{key: item[key] for key in ("when", "tags", "become") if key in item}}

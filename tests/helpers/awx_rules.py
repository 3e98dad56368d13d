# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWX checks: surveys when they are saved, answers when a job is started, names of playbooks.

Written after the behaviour of AWX 24.6 (docs/awx.md); the messages are our own.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

TYPES: dict[str, type] = {
    "multiselect": str,
    "multiplechoice": str,
    "text": str,
    "textarea": str,
    "password": str,
    "integer": int,
    "float": float,
}
_NEEDED = {"type": str, "question_name": str, "variable": str, "required": bool}
_PLAY = re.compile(r"^\s*-?\s*(hosts|(ansible\.builtin\.)?import_playbook):")
_NO_PLAYBOOKS = {"roles", "tasks", "group_vars", "host_vars"}
ENCRYPTED = "$encrypted$"


def survey_problems(survey: Any) -> list[str]:
    """Return why AWX would not save a survey."""
    wanted = {"name": str, "description": str, "spec": list}
    found = [f"{key} is no {kind.__name__}" for key, kind in wanted.items() if not isinstance(survey.get(key), kind)]
    if found or not survey["spec"]:
        return found or ["no questions"]
    seen: set[str] = set()
    for item in survey["spec"]:
        found += [f"{item.get('variable')}: {problem}" for problem in _question_problems(item, seen)]
    return found


def _question_problems(item: dict[str, Any], seen: set[str]) -> list[str]:
    found = [f"{key} is no {kind.__name__}" for key, kind in _NEEDED.items() if not isinstance(item.get(key), kind)]
    if found or item["type"] not in TYPES:
        return found or [f"unknown type {item['type']}"]
    if item["variable"] in seen:
        found.append("asked twice")
    seen.add(item["variable"])
    default = item.get("default", "")
    if default != "" and not isinstance(default, TYPES[item["type"]]):
        found.append(f"the default {default!r} has the wrong type")
    found += [f"{key} is no whole number" for key in ("min", "max") if not isinstance(item.get(key), int | None)]
    if isinstance(default, str) and default.startswith(ENCRYPTED):
        found.append("a default that AWX takes for its own")
    if item["type"] == "multiplechoice":
        choices = item.get("choices")
        if not isinstance(choices, list) or not choices:
            found.append("no choices")
        elif default and (len(str(default).splitlines()) > 1 or default not in choices):
            found.append(f"the default {default!r} is no choice")
    return found


def answer_problems(survey: dict[str, Any], answers: dict[str, Any]) -> list[str]:
    """Return why AWX would not start a job with these answers."""
    known = {item["variable"]: item for item in survey["spec"]}
    found = [f"{name}: not asked" for name in answers if name not in known]
    for name, item in known.items():
        if name in answers:
            found += [f"{name}: {problem}" for problem in _answer_problems(item, answers[name])]
        elif item["required"]:
            found.append(f"{name}: missing")
    return found


def _answer_problems(item: dict[str, Any], value: Any) -> list[str]:
    kind = item["type"]
    if kind == "multiplechoice":
        return [] if value in item["choices"] else [f"{value!r} is no choice"]
    if kind in ("text", "textarea", "password"):
        if not isinstance(value, str):
            return ["no text"]
        size: float = len(value)
    elif isinstance(value, bool) or not isinstance(value, (int, float) if kind == "float" else int):
        return ["no number"]
    else:
        size = value
    low, high = item.get("min"), item.get("max")
    return ["too small"] * (low is not None and size < low) + ["too large"] * (high is not None and size > high)


def job_variables(survey: dict[str, Any], template: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    """Return the extra variables of a job: those of the job template, then defaults that pass, then the answers."""
    defaults = {
        item["variable"]: item["default"]
        for item in survey["spec"]
        if item.get("default") is not None and not _answer_problems(item, item["default"])
    }
    return {**template, **defaults, **answers}


def is_playbook(project: Path, name: str) -> bool:
    """True when AWX would offer a file of a project as a playbook."""
    path = project / name
    if path.suffix not in (".yml", ".yaml") or not path.is_file() or _NO_PLAYBOOKS & set(Path(name).parts):
        return False
    return any(_PLAY.match(line) for line in path.read_text(encoding="utf-8").splitlines())

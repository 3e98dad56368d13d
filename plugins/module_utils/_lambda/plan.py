# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wanted and what is there to steps: pure, so that a plan (check mode) is what will be done."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .model import Data, Key, Observed, Resources, Wanted

# A function is made early: it tells a later run which log group and which buckets belong to it.
_MAKE = ("role", "function", "log_group", "bucket", "permission", "url", "notification")
# Nothing may call a function that goes; the function itself goes late, for the same reason.
_REMOVE = ("notification", "url", "permission", "log_group", "bucket", "function", "role")
_WORDS = {"log_group": "log group", "notification": "notification of bucket"}
_HIDDEN = "(not shown)"


@dataclass(frozen=True)
class Step:
    """One thing to do: `verb` is create, update or delete."""

    verb: str
    key: Key
    before: Data | None = None
    after: Data | None = None

    @property
    def title(self) -> str:
        """Return what the step is about, for people."""
        return title(self.key)


def title(key: Key) -> str:
    """Return a resource as words."""
    kind, name = key
    if kind == "permission":
        function, _slash, sid = name.partition("/")
        return f"permission {sid} of function {function}"
    return f"{_WORDS.get(kind, 'URL of function' if kind == 'url' else kind)} {name}"


def steps(wanted: Resources, observed: Observed) -> list[Step]:
    """Return what is to be done, in order."""
    here = dict(observed.resources)
    first: list[Step] = []
    for name in _replaced(wanted, here):
        first.append(Step("delete", ("function", name), here["function", name]))
        for key in [key for key in here if _of_function(key, name)]:
            del here[key]
    making = [
        Step("update" if key in here else "create", key, here.get(key), wanted[key])
        for key in _ordered(wanted, _MAKE)
        if here.get(key) != wanted[key]
    ]
    removing = [Step("delete", key, here[key]) for key in _ordered(here, _REMOVE) if key not in wanted]
    return [*first, *making, *removing]


def _replaced(wanted: Resources, here: Resources) -> list[str]:
    """A function cannot change between zip file and image: it is made anew."""
    return [
        name
        for (kind, name), data in wanted.items()
        if kind == "function" and here.get((kind, name), data)["package"] != data["package"]
    ]


def _of_function(key: Key, function: str) -> bool:
    kind, name = key
    return key in (("function", function), ("url", function)) or (
        kind == "permission" and name.partition("/")[0] == function
    )


def _ordered(resources: Iterable[Key], kinds: tuple[str, ...]) -> list[Key]:
    return sorted(resources, key=lambda key: (kinds.index(key[0]), key[1]))


def after_steps(resources: Resources, done: Iterable[Step]) -> Resources:
    """Return the resources as they are when the steps are done."""
    result = dict(resources)
    for step in done:
        result.pop(step.key, None)
        if step.after is not None:
            result[step.key] = step.after
    return result


def diff(before: Resources, after: Resources, functions: Iterable[Wanted]) -> dict[str, str]:
    """Return both sides as text. Of environment variables only those are shown that are no secret."""
    shown = {item.name: set(item.environment) for item in functions}
    return {"before": _text(before, after, shown), "after": _text(after, before, shown)}


def _text(side: Resources, other: Resources, shown: Mapping[str, set[str]]) -> str:
    lines = []
    for key in sorted(side):
        data = side[key]
        if key[0] == "function":
            theirs = other.get(key, {}).get("environment", {})
            data = {**data, "environment": _environment(data["environment"], theirs, shown.get(key[1], set()))}
        body = [f"  {name}: {json.dumps(value, sort_keys=True)}" for name, value in sorted(data.items())]
        lines += [title(key), *body]
    return "".join(f"{line}\n" for line in lines)


def _environment(mine: Mapping[str, Any], theirs: Mapping[str, Any], shown: set[str]) -> dict[str, Any]:
    result = {}
    for name, value in mine.items():
        changed = name in theirs and theirs[name] != value
        result[name] = value if name in shown else "(not shown, changes)" if changed else _HIDDEN
    return result

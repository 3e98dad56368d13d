# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a run configures: the variable `configure`, which is true, false or a list of hosts."""

from __future__ import annotations

from typing import Any

from .._errors import ChoiceError
from .evaluate import Instance

_WORDS = {"true": True, "yes": True, "": True, "false": False, "no": False}


def configures(value: Any) -> bool:
    """Return whether a run configures any host."""
    return _words(value) is not False


def chosen_hosts(value: Any, instances: list[Instance]) -> list[str] | None:
    """Return the names of the hosts that a run configures, None for all. Raises `ChoiceError` for an unknown one.

    A host is named by its name in the cloud, its own name, its full name, its id in the cloud or its number.
    """
    words = _words(value)
    if isinstance(words, bool):
        return None if words else []
    found: dict[str, None] = {}
    for word in words:
        names = [item["name"] for item in instances if word in _names(item)]
        if len(names) != 1:
            there = ", ".join(f"{item['name']} ({item['hostname']})" for item in instances) or "none"
            problem = f"There is no host '{word}' to configure." if not names else f"'{word}' names several hosts."
            raise ChoiceError.of(problem, f"Hosts that are there: {there}.")
        found[names[0]] = None
    return list(found)


def _words(value: Any) -> bool | list[str]:
    if isinstance(value, bool):
        return value
    if isinstance(value, (list, tuple)):
        return [str(item).strip() for item in value]
    text = str(value).strip()
    known = _WORDS.get(text.lower())
    return known if known is not None else [word.strip() for word in text.split(",") if word.strip()]


def _names(item: Instance) -> set[str]:
    return {str(item[key]) for key in ("name", "hostname", "fqdn", "cloud_id", "id") if item.get(key) is not None}

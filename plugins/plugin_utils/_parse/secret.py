# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secret inputs: text that is used like any other, but is never written into a project.

A project refers to it by the name of an environment variable, which holds it for the time of one run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PREFIX = "IM_INPUT_"
# Kinds of form fields (profile, section 1.14) whose content is secret.
_SECRET_FIELDS = {"password", "secret", "access_token", "random"}
_SECRET_NAME = re.compile(
    r"passw|passphrase|secret|token|private_key|credential|api_?key|(^|_)(sk|psk)$", re.IGNORECASE
)
_SHORTEST_WRITTEN = 8
_NO_SECRET = re.compile(r"public|_type$|_url$|_name$|_path$|^install_|^enable_", re.IGNORECASE)


class Secret(str):
    """A secret text; `variable` is the environment variable that carries it."""

    variable: str

    @classmethod
    def of(cls, text: str, name: str) -> Secret:
        """Return the value of the input `name` as a secret."""
        result = cls(text)
        result.variable = PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())
        return result


def is_secret_input(name: str, metadata: dict[str, Any]) -> bool:
    """True when the form of the template treats the input as a secret, or when its name says so."""
    tabs = metadata.get("tabs")
    for fields in tabs.values() if isinstance(tabs, dict) else ():
        for field in fields if isinstance(fields, list) else ():
            options = field.get(name) if isinstance(field, dict) else None
            if isinstance(options, dict) and options.get("tag_type") in _SECRET_FIELDS:
                return True
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET.search(name)


def secrets_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the secret inputs that an environment carries, by their variables."""
    return {name: value for name, value in environment.items() if name.startswith(PREFIX)}


def secrets_in(value: Any) -> dict[str, str]:
    """Return the variables and texts of all secrets inside `value` (mappings, lists, expressions)."""
    if isinstance(value, Secret):
        return {value.variable: str(value)}
    if isinstance(value, dict):
        items: Any = value.values()
    elif isinstance(value, (list, tuple)):
        items = value
    else:
        items = [getattr(value, name) for name in getattr(value, "__dataclass_fields__", ())]
    found: dict[str, str] = {}
    for item in items:
        found.update(secrets_in(item))
    return found


def secret_texts(template: Any, given: Mapping[str, Any]) -> list[Any]:
    """Return the values that must not be seen: secret inputs, given or by default, and what the template itself has.

    `template` is its data as it was read, whatever that is.
    """
    data = template if isinstance(template, dict) else {}
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    topology = data.get("topology_template")
    declared = topology.get("inputs") if isinstance(topology, dict) else None
    declared = declared if isinstance(declared, dict) else {}
    defaults = {name: body.get("default") for name, body in declared.items() if isinstance(body, dict)}
    values = {**defaults, **given}
    found = [value for name, value in values.items() if is_secret_input(str(name), metadata)]
    return [*found, *_written(topology)]


def _written(value: Any) -> list[str]:
    """Texts that stand in the template under the name of something secret; short ones may be words of any sentence."""
    if isinstance(value, list):
        return [text for item in value for text in _written(item)]
    if not isinstance(value, dict):
        return []
    found = [text for item in value.values() for text in _written(item)]
    for name, item in value.items():
        if isinstance(item, str) and len(item) >= _SHORTEST_WRITTEN and is_secret_input(str(name), {}):
            found.append(item)
    return found

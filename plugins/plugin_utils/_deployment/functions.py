# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Functions of a template as the module `lambda_functions` takes them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from typing import Any

from .._errors import Diagnostic
from .._parse.expressions import Joined, SecretVariable, Token, is_known
from .._parse.secret import Secret, secrets_in
from .._topology.model import Function

LAMBDA = "lambda"
_MIB = 2**20
# What the existing service gives to functions on Lambda.
_TIMEOUT, _RETENTION = 900, 30
_TRIGGER = ("bucket", "prefix", "suffix", "events")
Found = tuple[list[dict[str, Any]], list[Diagnostic]]


def lambda_functions(functions: Iterable[Function]) -> Found:
    """Return the functions that have no cluster, and what of them Lambda cannot do.

    Values may still hold secrets.
    """
    result: list[dict[str, Any]] = []
    problems: list[Diagnostic] = []
    for item in functions:
        if item.count and not item.group:
            data = _plain(item, problems) if item.plain else _of_catalogue(item, problems)
            for name, value in data.items():
                if name != "secret_environment" and not is_known(value):
                    problems.append(_unknown(item, name))
            result.append(data)
    return result, problems


def _plain(item: Function, problems: list[Diagnostic]) -> dict[str, Any]:
    given = item.properties
    names = ("name", "runtime", "handler", "code", "image", "role", "timeout", "architecture", "log_retention", "url")
    data = {"node": item.node, **{name: given[name] for name in names if given.get(name) not in (None, "")}}
    if "code" in data:
        data["code_root"] = item.root
    if item.memory:
        data["memory_size"] = -(-item.memory // _MIB)
    data.update(_environment(item, given.get("environment"), problems))
    trigger = given.get("trigger")
    if isinstance(trigger, dict):
        unknown = sorted(str(key) for key in trigger if key not in _TRIGGER)
        if unknown:
            hint = f"It has {', '.join(_TRIGGER)}."
            message = f"The trigger of function '{item.node}' has no '{unknown[0]}'."
            problems.append(Diagnostic("unknown-key", message, item.position, hint))
        data["triggers"] = [{key: trigger[key] for key in _TRIGGER if trigger.get(key) is not None}]
    return data


def _of_catalogue(item: Function, problems: list[Diagnostic]) -> dict[str, Any]:
    given = item.properties
    config = {key: given[key] for key in ("name", "script", "input", "output") if given.get(key)}
    if secrets_in(config) or not is_known(config):
        problems.append(_unknown(item, "script"))
        config = {}
    variables = given.get("env_variables")
    encoded = base64.b64encode(json.dumps(config, sort_keys=True).encode()).decode()
    environment = {"FUNCTION_CONFIG": encoded, **(variables if isinstance(variables, dict) else {})}
    return {
        "node": item.node,
        "name": given.get("name") or "",
        "image": re.sub(r"^(docker|oscar)://", "", str(given.get("image") or "")),
        "timeout": _TIMEOUT,
        "log_retention": _RETENTION,
        "memory_size": max(1, -(-item.memory // _MIB)),
        **_environment(item, environment, problems),
        "triggers": [{**place, "events": ["s3:ObjectCreated:*"]} for place in _places(item, "input", problems)],
        "writes": [
            {"bucket": place["bucket"], "prefix": place["prefix"]} for place in _places(item, "output", problems)
        ],
    }


def _places(item: Function, name: str, problems: list[Diagnostic]) -> list[dict[str, str]]:
    """`{storage_provider: s3, path: bucket/folder, suffix: [...]}` as bucket, prefix and suffix."""
    found = []
    entries = item.properties.get(name)
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or not is_known(entry):
            problems.append(_unknown(item, name))
            continue
        provider = str(entry.get("storage_provider") or "")
        if provider.partition(".")[0] != "s3":
            message = f"Function '{item.node}' uses the storage provider '{provider}'; Lambda works with s3 only."
            problems.append(Diagnostic("needs-cloud", message, item.position, "Write 'storage_provider: s3'."))
            continue
        bucket, _slash, folder = str(entry.get("path") or "").strip("/").partition("/")
        place = {"bucket": bucket, "prefix": f"{folder}/" if folder else ""}
        found.append({**place, **({"suffix": str(entry["suffix"])} if entry.get("suffix") else {})})
    return found


def _environment(item: Function, variables: Any, problems: list[Diagnostic]) -> dict[str, Any]:
    """What holds a secret is told apart, so that it is never shown."""
    plain, secret = {}, {}
    for name, value in (variables if isinstance(variables, dict) else {}).items():
        if secrets_in(value):
            secret[str(name)] = value
            if not _writable(value):
                problems.append(_unknown(item, "environment"))
        else:
            plain[str(name)] = value
    return {"environment": plain, **({"secret_environment": secret} if secret else {})}


def _writable(value: Any) -> bool:
    """True when nothing is in it but text and secrets."""
    if isinstance(value, (Secret, SecretVariable)):
        return True
    if isinstance(value, Joined):
        return all(_writable(part) for part in value.parts)
    return _writable(value.text) if isinstance(value, Token) else is_known(value)


def _unknown(item: Function, name: str) -> Diagnostic:
    message = f"'{name}' of function '{item.node}' is not known before it is made, or would show a secret."
    hint = "Use inputs and properties there; secrets go into the environment of the function."
    return Diagnostic("function", message, item.position, hint)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module, and the way from them to what is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._hosts.model import HostsError
from .._hosts.options import INFRASTRUCTURE, NODE
from .desired import bucket_name
from .model import Account, Trigger, Wanted
from .package import load_code

TRIGGER = {
    "bucket": {"type": "str", "default": ""},
    "prefix": {"type": "str", "default": ""},
    "suffix": {"type": "str", "default": ""},
    "events": {"type": "list", "elements": "str", "default": ["s3:ObjectCreated:*"]},
}
_PLACE = {"bucket": {"type": "str", "required": True}, "prefix": {"type": "str", "default": ""}}
FUNCTION: dict[str, Any] = {
    "node": {"type": "str", "required": True},
    "name": {"type": "str", "default": ""},
    "runtime": {"type": "str", "default": ""},
    "handler": {"type": "str", "default": ""},
    "code": {"type": "str", "default": ""},
    "code_root": {"type": "str", "default": ""},
    "image": {"type": "str", "default": ""},
    "role": {"type": "str", "default": ""},
    "memory_size": {"type": "int", "default": 128},
    "timeout": {"type": "int", "default": 60},
    "environment": {"type": "dict", "default": {}},
    "secret_environment": {"type": "dict", "default": {}, "no_log": True},
    "architecture": {"type": "str", "default": "x86_64"},
    "log_retention": {"type": "int", "default": 30},
    "triggers": {"type": "list", "elements": "dict", "default": [], "options": TRIGGER},
    "writes": {"type": "list", "elements": "dict", "default": [], "options": _PLACE},
    "url": {"type": "str", "choices": ["none", "iam", "public"], "default": "none"},
}


def functions_argument_spec() -> dict[str, Any]:
    """Return the options of the module `lambda_functions`."""
    return {
        "infrastructure": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "functions": {"type": "list", "elements": "dict", "default": [], "options": FUNCTION},
        "timeout": {"type": "int", "default": 300},
    }


def check_name(infrastructure: str) -> str:
    """Return the name of an infrastructure. Raises HostsError."""
    if not INFRASTRUCTURE.fullmatch(infrastructure):
        hint = "Use up to 40 lower case letters, digits and '-', first a letter."
        raise HostsError(f"'{infrastructure}' is not the name of an infrastructure.", hint)
    return infrastructure


def read_functions(options: list[dict[str, Any]], account: Account) -> list[Wanted]:
    """Return the functions that the options ask for, with their code. Raises HostsError."""
    return [_function(item, account) for item in options]


def _function(item: Mapping[str, Any], account: Account) -> Wanted:
    node = item["node"]
    if not NODE.fullmatch(node):
        raise HostsError(f"'{node}' is not the name of a node.", "Use letters, digits, '_', '-' and '.'.")
    word = node.replace(".", "-")
    name = item["name"] or (word if word == account.infrastructure else f"{account.infrastructure}-{word}")
    return Wanted(
        node=node,
        name=name,
        runtime=item["runtime"],
        handler=item["handler"],
        code=load_code(item["code_root"], item["code"]) if item["code"] else None,
        image=item["image"],
        role=item["role"],
        memory=item["memory_size"],
        timeout=item["timeout"],
        environment=_texts(item["environment"]),
        secrets=_texts(item["secret_environment"]),
        architecture=item["architecture"],
        retention=item["log_retention"],
        triggers=tuple(_trigger(trigger, name, account) for trigger in item["triggers"]),
        writes=tuple((place["bucket"], place["prefix"]) for place in item["writes"]),
        url=item["url"],
    )


def _trigger(item: Mapping[str, Any], function: str, account: Account) -> Trigger:
    bucket = item["bucket"] or bucket_name(account, function)
    return Trigger(bucket, item["prefix"], item["suffix"], tuple(sorted(item["events"])))


def _texts(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Environment variables are texts; YAML's true is written as YAML writes it."""
    texts = {}
    for name, value in (values or {}).items():
        texts[str(name)] = str(value).lower() if isinstance(value, bool) else str(value)
    return texts

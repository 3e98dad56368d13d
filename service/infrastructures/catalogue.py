# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The templates of the catalogue, with their inputs, for people who choose one."""

from __future__ import annotations

import functools
import json
from typing import Any

import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._errors import did_you_mean
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import catalogue_names
from ansible_collections.continuum.im.plugins.plugin_utils._translate import CATALOGUE

from ..errors import BadRequest

_INPUT_KEYS = ("type", "description", "default", "required", "constraints", "entry_schema")


@functools.cache
def catalogue() -> tuple[dict[str, Any], ...]:
    """Return `{name, title, description, metadata, inputs}` of each template, by name."""
    return tuple(_entry(name, text_of(name)) for name in catalogue_names(CATALOGUE))


def text_of(name: str) -> str:
    """Return the text of a template of the catalogue. Raises `BadRequest`."""
    names = catalogue_names(CATALOGUE)
    if name not in names:
        raise BadRequest(
            f"There is no template '{name[:100]}' in the catalogue. {did_you_mean(name[:100], names)}".strip()
        )
    with open(names[name], encoding="utf-8") as file:
        return file.read()


def is_text(template: str) -> bool:
    """True for the text of a template, false for a name."""
    return "\n" in template.strip() or ":" in template


def _entry(name: str, text: str) -> dict[str, Any]:
    found = yaml.safe_load(text) or {}
    metadata = found.get("metadata") or {}
    inputs = (found.get("topology_template") or {}).get("inputs") or {}
    entry = {
        "name": name,
        "title": metadata.get("display_name") or metadata.get("template_name") or name,
        "description": " ".join(str(found.get("description") or "").split()),
        "metadata": metadata,
        "inputs": [_input(key, schema) for key, schema in inputs.items()],
    }
    plain: dict[str, Any] = json.loads(json.dumps(entry, default=str))
    return plain


def _input(name: str, schema: Any) -> dict[str, Any]:
    given = schema if isinstance(schema, dict) else {}
    needed = bool(given.get("required", True)) and "default" not in given
    return {"name": name, **{key: given[key] for key in _INPUT_KEYS if key in given}, "required": needed}

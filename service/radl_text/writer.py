# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write RADL as text and as JSON. What is written can be read by the library `radl` again, quotes and all."""

from __future__ import annotations

from typing import Any

from radl.radl import Feature, Features, SoftFeatures
from radl.radl_json import radlToSimple


def quoted(text: str) -> str:
    """Return text as a RADL string. One backslash at the end would hide the quote, so it is doubled."""
    body = text.replace("'", "\\'")
    trailing = len(body) - len(body.rstrip("\\"))
    return f"'{body}\\'" if trailing % 2 else f"'{body}'"


def document_text(document: Any) -> str:
    """Return the text of a whole document."""
    parts = [] if document.description is None else [_description(document.description)]
    parts += [network_text(item) for item in document.networks]
    parts += [system_text(item) for item in document.systems]
    parts += [str(item) for item in document.configures]
    if str(document.contextualize):
        parts.append(str(document.contextualize))
    parts += [str(item) for item in document.deploys]
    return "\n".join(parts)


def network_text(item: Any) -> str:
    """Return one network."""
    return f"network {item.id}" if item.reference else f"network {item.id} ( {features_text(item)} )"


def system_text(item: Any) -> str:
    """Return one system."""
    return f"system {item.name}" if item.reference else f"system {item.name} (\n{features_text(item)}\n)\n"


def features_text(features: Any) -> str:
    """Return the features of a system, of a network or of a group."""
    return " and\n".join(_feature(item) for item in features.features)


def document_json(document: Any) -> list[dict[str, Any]]:
    """Return the JSON form: a list of flat objects, sizes in bytes."""
    found: list[dict[str, Any]] = radlToSimple(document)
    return found


def _description(item: Any) -> str:
    return f"description {item.id} ({features_text(item)})"


def _feature(item: Any) -> str:
    if isinstance(item, SoftFeatures):
        return f"soft {item.soft} (\n{features_text(item)}\n)"
    if isinstance(item, Feature):
        value = item.value
        if isinstance(value, Features):
            return f"{item.prop} {item.operator} ({features_text(value)})"
        if isinstance(value, list):
            return f"{item.prop} {item.operator} [{','.join(quoted(str(entry)) for entry in value)}]"
        if isinstance(value, str):
            return f"{item.prop} {item.operator} {quoted(value)}"
        return f"{item.prop} {item.operator} {value}{item.unit or ''}"
    return str(item)

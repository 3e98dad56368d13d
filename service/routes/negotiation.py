# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a client wants to read: the header `Accept`, tried in the order written, without weights."""

from __future__ import annotations

JSON = "application/json"
TEXT = "text/plain"
URIS = "text/uri-list"
HTML = "text/html"
CSV = "text/csv"
_JSON_WORDS = (JSON, "application/*")


def accepted(header: str | None) -> list[str]:
    """Return the media types of the header, without their parameters."""
    parts = (part.partition(";")[0].strip().lower() for part in (header or "").split(","))
    return [part for part in parts if part]


def choose(header: str | None, default: str, *others: str) -> str | None:
    """Return the media type to answer with; None when nothing fits. `default` is what `*/*` and no header mean."""
    offered = (default, *others)
    wanted = accepted(header)
    if not wanted:
        return default
    for item in wanted:
        if item in offered:
            return item
        if item in _JSON_WORDS and JSON in offered:
            return JSON
        if item == "*/*" or (item.endswith("/*") and default.startswith(item[:-1])):
            return default
    return None


def error_type(header: str | None) -> str:
    """Return the media type of an error: JSON if it is mentioned at all, then HTML, else text."""
    wanted = accepted(header)
    if JSON in wanted:
        return JSON
    return HTML if HTML in wanted else TEXT


def body_type(header: str | None) -> str:
    """Return what the body is: `radl`, `json`, `tosca`, or "" for something that is not read."""
    kind = (header or "").partition(";")[0].strip().lower()
    if kind in ("", "text/plain", "text/*", "*/*"):
        return "radl"
    if kind == JSON:
        return "json"
    return "tosca" if kind in ("text/yaml", "text/x-yaml", "application/yaml", "application/x-yaml") else ""

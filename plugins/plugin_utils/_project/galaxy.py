# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`requirements.yml`: what `ansible-galaxy install -r` must bring for the recipes of a project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._site import Site
from .._topology.model import GalaxyContent


def requirements(contents: Iterable[GalaxyContent], site: Site) -> dict[str, list[dict[str, Any]]]:
    """Return `{roles, collections}`; the settings of the site may name another source and version for each."""
    result: dict[str, list[dict[str, Any]]] = {"roles": [], "collections": []}
    for content in contents:
        instead = site.galaxy.get(content.name.lower(), {})
        source = instead.get("source", content.source)
        version = instead.get("version", content.version)
        section = "roles" if content.kind == "role" else "collections"
        result[section].append(_role(content.name, source) if section == "roles" else _collection(content.name, source))
        if version:
            result[section][-1]["version"] = version
    return result


def _role(name: str, source: str) -> dict[str, Any]:
    if not source:
        return {"name": name}
    return {"src": source, "scm": "git", "name": name} if source.startswith("http") else {"src": source, "name": name}


def _collection(name: str, source: str) -> dict[str, Any]:
    """A collection from git, from a folder or a file, or from Galaxy."""
    if not source:
        return {"name": name}
    kind = "git" if source.startswith("http") and not source.endswith(".tar.gz") else "dir"
    return {"name": source, "type": kind if not source.endswith(".tar.gz") else "url"}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and collections that artifacts name (profile, section 1.7)."""

from __future__ import annotations

import re
from typing import Any

from .._parse.model import Node
from .._parse.resolver import Resolver
from .model import GalaxyContent

_KINDS = {
    "tosca.artifacts.AnsibleGalaxy.role": "role",
    "tosca.artifacts.AnsibleGalaxy.collection": "collection",
}
_NAME = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")
_SOURCE = re.compile(r"^(git\+)?https?://[A-Za-z0-9._~:/@%+-]+$")
_VERSION = re.compile(r"^[A-Za-z0-9_./+-]+$")


def artifacts_of(resolver: Resolver, node: Node) -> dict[str, Any]:
    """Return the artifacts that the operations of a node may name.

    Its own, those of the nodes it relates to and of the relationships' types; the node's own win (the reference lets
    later ones win, which makes the result depend on the order of requirements).
    """
    found: dict[str, Any] = {}
    for requirement in node.requirements:
        found.update(resolver.nodes[requirement.target].artifacts)
        found.update(resolver.library.merged("relationship_types", requirement.relationship, "artifacts"))
    return {**found, **node.artifacts}


def galaxy_contents(resolver: Resolver, nodes: list[Node]) -> tuple[GalaxyContent, ...]:
    """Return what the recipes of `nodes` need, each once; malformed names are noted as problems."""
    result: dict[tuple[str, str], GalaxyContent] = {}
    for node in nodes:
        for name, artifact in artifacts_of(resolver, node).items():
            kind = _kind(resolver, artifact)
            if kind is None:
                continue
            content = _content(kind, str(artifact.get("file") or ""))
            if content is None:
                path = (*node.path, "artifacts", name, "file")
                hint = "Write name, 'name,version' or 'git+https://...|name'."
                message = f"Artifact '{name}' of node '{node.name}' is not the name of a {kind}."
                resolver.problems.add("recipe", message, resolver.document.at(*path), hint)
            else:
                result.setdefault((kind, content.name.lower()), content)
    return tuple(result[key] for key in sorted(result))


def _kind(resolver: Resolver, artifact: Any) -> str | None:
    if not isinstance(artifact, dict):
        return None
    full = resolver.library.resolve("artifact_types", artifact.get("type"))
    return next((kind for name, kind in _KINDS.items() if resolver.library.derives("artifact_types", full, name)), None)


def _content(kind: str, file: str) -> GalaxyContent | None:
    source, _bar, name = file.rpartition("|") if "|" in file else ("", "", file)
    if "://" in name:
        source, name = name, ""
    name, _comma, version = name.partition(",")
    if source:
        source, _comma, tag = source.partition(",")
        version = version or tag
        name = name or source.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
    if not _NAME.match(name) or (source and not _SOURCE.match(source)) or (version and not _VERSION.match(version)):
        return None
    return GalaxyContent(kind, name, source.removeprefix("git+"), version)

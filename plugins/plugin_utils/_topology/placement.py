# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement policies: which of the user's clouds, and where in it (profile, section 1.10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._errors import did_you_mean
from .._parse.resolver import Resolver

_PLACEMENT = "tosca.policies.Placement"
_PROPERTIES = ("cloud_id", "availability_zone")


def read_placements(resolver: Resolver) -> dict[str, dict[str, str]]:
    """Return node template -> `{cloud_id, availability_zone}`; the first policy that says something wins."""
    topology = resolver.document.data.get("topology_template") or {}
    groups = topology.get("groups")
    _check_groups(resolver, groups if isinstance(groups, dict) else {})
    result: dict[str, dict[str, str]] = {}
    for index, name, policy in _policies(topology.get("policies")):
        kind = resolver.library.resolve("policy_types", policy.get("type"))
        path = ("topology_template", "policies", index, name)
        if kind is None:
            hint = did_you_mean(str(policy.get("type")), resolver.library.types["policy_types"])
            message = f"Nobody declared the type '{policy.get('type')}' of policy '{name}'."
            resolver.problems.add("unknown-type", message, resolver.document.at(*path, "type"), hint)
            continue
        if not resolver.library.derives("policy_types", kind, _PLACEMENT):
            continue
        given = policy.get("properties") if isinstance(policy.get("properties"), dict) else {}
        for target in _members(resolver, policy.get("targets"), groups, path):
            place = result.setdefault(target, {})
            for key in _PROPERTIES:
                value = resolver.value(given.get(key), None, (*path, "properties", key)) if given else None
                if value not in (None, ""):
                    place.setdefault(key, str(value))
    return result


def _check_groups(resolver: Resolver, groups: dict[str, Any]) -> None:
    """Groups are of known types, and their members are node templates."""
    for name, body in groups.items():
        path = ("topology_template", "groups", name)
        kind = body.get("type") if isinstance(body, dict) else None
        if resolver.library.resolve("group_types", kind) is None:
            hint = did_you_mean(str(kind), resolver.library.types["group_types"])
            message = f"Nobody declared the type '{kind}' of group '{name}'."
            resolver.problems.add("unknown-type", message, resolver.document.at(*path, "type"), hint)
        members = body.get("members") if isinstance(body, dict) else None
        for number, member in enumerate(members if isinstance(members, list) else []):
            declared = (resolver.document.data.get("topology_template") or {}).get("node_templates") or {}
            if not isinstance(member, str) or member not in declared:
                _note_unknown(resolver, member, (*path, "members", number), {})


def _note_unknown(resolver: Resolver, name: Any, path: tuple[Any, ...], groups: dict[str, Any]) -> None:
    hint = did_you_mean(str(name), [*resolver.nodes, *groups])
    resolver.problems.add("unknown-node", f"There is no node template '{name}'.", resolver.document.at(*path), hint)


def _policies(found: Any) -> Iterator[tuple[int, str, dict[str, Any]]]:
    entries = found if isinstance(found, list) else [found] if isinstance(found, dict) else []
    for index, entry in enumerate(entries):
        for name, body in entry.items() if isinstance(entry, dict) else ():
            if isinstance(body, dict):
                yield index, str(name), body


def _members(resolver: Resolver, targets: Any, groups: Any, path: tuple[Any, ...]) -> Iterator[str]:
    """Targets are node templates, or groups, which stand for their members."""
    known = groups if isinstance(groups, dict) else {}
    for number, target in enumerate(targets if isinstance(targets, list) else []):
        if not isinstance(target, str):
            _note_unknown(resolver, target, (*path, "targets", number), known)
            continue
        members = known[target].get("members") if isinstance(known.get(target), dict) else None
        for name in members if isinstance(members, list) else [target]:
            if isinstance(name, str) and name in resolver.nodes:
                yield name
            elif target not in known:
                _note_unknown(resolver, name, (*path, "targets", number), known)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What implements an operation: a role of a collection, or a recipe (profile, section 1.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from .._errors import did_you_mean
from .._parse.library import Operation
from .._parse.loader import Path
from .._parse.model import Node
from .._parse.resolver import Resolver
from .model import Recipe

_ROLE = re.compile(r"^([a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)(?:/([a-z][a-z0-9_]*))?$")
_PLAYBOOK = re.compile(r"\.ya?ml$", re.IGNORECASE)
_PATH = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_./+-]*\.[A-Za-z0-9]+$")
# Recipes of the existing catalogue that do nothing: templates name them to have a host configured at all.
_EMPTY_RECIPES = {"dummy.yml"}
_SCHEMES = ("http", "https", "ftp")


@dataclass(frozen=True)
class Implementation:
    """Either `role` and `entry`, or `recipe`; `files` are references of what the recipe needs beside it."""

    role: str = ""
    entry: str = "main"
    recipe: Recipe | None = None
    files: tuple[str, ...] = ()


class _RefusedError(ValueError):
    """The implementation cannot be run: a sentence and a hint."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read_implementation(
    resolver: Resolver, node: Node, artifacts: dict[str, Any], operation: Operation, path: Path
) -> Implementation | None:
    """Return what runs; None when there is nothing to run or when a problem was noted."""
    try:
        return _read(resolver, artifacts, operation.implementation, path)
    except _RefusedError as error:
        message = f"Operation '{operation.name}' of node '{node.name}' ({node.type}): {error}."
        resolver.problems.add("recipe", message, resolver.document.at(*path), error.hint)
        return None


def reference_of(resolver: Resolver, artifact: Any) -> str:
    """Return where the file of an artifact is: below the address of its repository, if it has one."""
    body = artifact if isinstance(artifact, dict) else {"file": artifact}
    file = str(body.get("file") or "")
    repository = body.get("repository")
    if not repository or "://" in file:
        return file
    known = resolver.document.data.get("repositories")
    found = known.get(repository, repository) if isinstance(known, dict) else repository
    base = str(found.get("url") if isinstance(found, dict) else found)
    return f"{base.rstrip('/')}/{file}"


def _read(resolver: Resolver, artifacts: dict[str, Any], found: Any, path: Path) -> Implementation | None:
    if isinstance(found, list):
        return Implementation(recipe=_inline(resolver, found, path))
    if isinstance(found, dict):
        return _mapped(resolver, artifacts, found, path)
    if not isinstance(found, str):
        raise _RefusedError(f"'{found}' cannot be run", "Name a role, a recipe or an artifact.")
    match = None if _PLAYBOOK.search(found) else _ROLE.match(found)
    if match:
        return Implementation(match.group(1), match.group(2) or "main")
    if "\n" in found:
        return Implementation(recipe=_inline(resolver, found, path))
    if found in artifacts:
        return _read(resolver, {}, reference_of(resolver, artifacts[found]), path)
    if found.rsplit("/", 1)[-1] in _EMPTY_RECIPES:
        return None
    return Implementation(recipe=_by_reference(resolver, artifacts, found, path))


def _mapped(resolver: Resolver, artifacts: dict[str, Any], found: dict[str, Any], path: Path) -> Implementation | None:
    """`{primary, dependencies}` of TOSCA 1.2, or the body of an artifact."""
    primary = found.get("primary") or found.get("file") or found.get("tasks")
    if primary is None:
        raise _RefusedError("it names nothing to run", "Write 'primary: ...' or 'file: ...'.")
    if isinstance(primary, str) and found.get("repository"):
        primary = reference_of(resolver, {**found, "file": primary})
    main = _read(resolver, artifacts, primary, path)
    dependencies = found.get("dependencies") or []
    if main is None or not isinstance(dependencies, list) or not dependencies:
        return main
    files = tuple(reference_of(resolver, artifacts.get(str(name), name)) for name in dependencies)
    for file in files:
        _check_reference(artifacts, file)
    return Implementation(main.role, main.entry, main.recipe, files)


def _by_reference(resolver: Resolver, artifacts: dict[str, Any], reference: str, path: Path) -> Recipe:
    _check_reference(artifacts, reference)
    kind = "playbook" if _PLAYBOOK.search(reference.partition("?")[0]) else "script"
    return Recipe(kind, reference, position=resolver.document.at(*path))


def _check_reference(artifacts: dict[str, Any], reference: str) -> None:
    scheme, mark, _rest = reference.partition("://")
    if mark and scheme == "file":
        raise _RefusedError("files of the controller are never run", "Use an http(s) address, or a role.")
    if mark and scheme not in _SCHEMES:
        raise _RefusedError(f"addresses with '{scheme}' are not fetched", f"Use one of: {', '.join(_SCHEMES)}.")
    if not mark and (not _PATH.match(reference) or ".." in reference.split("/")):
        known = did_you_mean(reference, artifacts) if artifacts else ""
        hint = f"Name a role such as continuum.im.slurm_worker, a URL, a path or an artifact. {known}".strip()
        raise _RefusedError(f"'{reference}' is neither a role nor a recipe", hint)


def _inline(resolver: Resolver, tasks: Any, path: Path) -> Recipe:
    """Tasks that stand in the template, as a list or as its YAML text."""
    if isinstance(tasks, str):
        try:
            tasks = yaml.safe_load(tasks)
        except yaml.YAMLError:
            raise _RefusedError("its text is not YAML", "Write a list of tasks.") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and task for task in tasks):
        raise _RefusedError("it is not a list of tasks", "Write '- name: ...' with one module for each task.")
    return Recipe("tasks", tasks=tuple(tasks), position=resolver.document.at(*path))

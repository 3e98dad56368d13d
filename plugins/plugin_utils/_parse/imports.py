# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `imports` of a template: our own type library, and type files that lie beside the template or in a mirror.

Nothing is fetched while a template is read (profile, section 5).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .._errors import Position, Problems, TemplateError
from .library import SECTIONS, Library
from .loader import Document, load

# Type libraries that templates of the existing catalogue import; ours declares the same types.
OUR_LIBRARY = ("custom_types.yaml", "custom_types.yml", "tosca_types.yaml", "tosca_types.yml")
Mirror = Callable[[str], str | None]
_MOST = 50


@dataclass(frozen=True)
class _Import:
    """One entry: where the file is, and the prefix that its types get in this template."""

    file: str
    prefix: str
    position: Position


def extend_by_imports(document: Document, library: Library, place: str, mirror: Mirror, problems: Problems) -> Library:
    """Return the library with all imported types.

    `place` is the folder of the template ("" for none), `mirror` gives the local path of a URL, or None.
    Imports that cannot be had are noted in `problems`.
    """
    todo, done = _entries(document, problems), 0
    seen: set[str] = set()
    while todo and done < _MOST:
        entry, done = todo.pop(0), done + 1
        if entry.file.rsplit("/", 1)[-1] in OUR_LIBRARY:
            library = library.with_prefix(entry.prefix)
            continue
        path = mirror(entry.file) if "://" in entry.file else _beside(entry.file, place)
        if path is None or not os.path.isfile(path):
            _note_unknown(entry, problems)
            continue
        if path in seen:
            continue
        seen.add(path)
        imported = _read(path, problems)
        if imported is not None:
            library = library.extended(_prefixed(imported.data, entry.prefix))
            todo.extend(_entries(imported, problems))
    return library


def _entries(document: Document, problems: Problems) -> list[_Import]:
    imports = document.data.get("imports")
    if not isinstance(imports, (list, type(None))):
        problems.add("unknown-import", "'imports' must be a list.", document.at("imports"))
        return []
    found = []
    for index, entry in enumerate(imports or []):
        position = document.at("imports", index)
        body = entry
        if isinstance(entry, dict) and "file" not in entry:
            body = next(iter(entry.values()), None)
        body = {"file": body} if isinstance(body, str) else body
        if not isinstance(body, dict) or not isinstance(body.get("file"), str):
            problems.add("unknown-import", "This import names no file.", position, "Write 'name: address'.")
            continue
        found.append(_Import(_address(body, document), str(body.get("namespace_prefix") or ""), position))
    return found


def _address(body: dict[str, Any], document: Document) -> str:
    """A file of a repository is below the repository's address."""
    repositories = document.data.get("repositories")
    repository = repositories.get(body.get("repository")) if isinstance(repositories, dict) else None
    base = repository.get("url") if isinstance(repository, dict) else repository
    file = str(body["file"])
    return f"{str(base).rstrip('/')}/{file}" if base and "://" not in file else file


def _beside(file: str, place: str) -> str | None:
    """Only files below the template's folder are read: a template must not look around on the machine."""
    if not place or "://" in place or os.path.isabs(file):
        return None
    path = os.path.realpath(os.path.join(place, file))
    return path if path.startswith(os.path.realpath(place) + os.sep) else None


def _read(path: str, problems: Problems) -> Document | None:
    try:
        with open(path, encoding="utf-8") as file:
            document = load(file.read(), os.path.basename(path))
    except TemplateError as error:
        problems.found.extend(error.diagnostics)
        return None
    except (OSError, UnicodeDecodeError):
        return None
    return document if isinstance(document.data, dict) else None


def _prefixed(data: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Types are known by their own names, which they use among themselves, and by the prefixed ones."""
    if not prefix:
        return data
    result = {}
    for section in SECTIONS:
        own = data.get(section)
        if isinstance(own, dict):
            result[section] = {**own, **{f"{prefix}.{name}": {"derived_from": name} for name in own}}
    return result


def _note_unknown(entry: _Import, problems: Problems) -> None:
    hint = (
        f"{' and '.join(OUR_LIBRARY[::2])} mean our own types. Other files must lie beside the template, or in a "
        "mirror of the site settings; types may also be declared in the template."
    )
    problems.add("unknown-import", f"The import '{entry.file}' cannot be had.", entry.position, hint)

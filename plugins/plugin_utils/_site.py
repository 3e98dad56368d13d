# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of a site: where recipes come from, and what stands for roles of Galaxy where there is no internet.

A YAML file, all of it optional::

    recipe_base: https://example.org/recipes/        # what relative paths of recipes start from
    mirrors:                                         # a prefix of URLs -> a folder of this machine
      https://example.org/recipes/: /srv/recipes
    galaxy:                                          # a role or collection -> where it comes from instead
      some.role: {source: https://git.example.org/role.git, version: v1.2}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ._errors import ChoiceError

# Where the recipes of the existing catalogue are published; our own types name them by relative paths.
RECIPE_BASE = "https://raw.githubusercontent.com/grycap/tosca/main/artifacts/"
_KEYS = {"recipe_base", "mirrors", "galaxy"}


@dataclass(frozen=True)
class Site:
    """The settings; `mirrors` are pairs of prefix and folder, the longest prefix first."""

    recipe_base: str = RECIPE_BASE
    mirrors: tuple[tuple[str, str], ...] = ()
    galaxy: dict[str, dict[str, str]] = field(default_factory=dict)

    def url(self, reference: str) -> str:
        """Return the address of a recipe that is named by a URL or by a path below `recipe_base`."""
        return reference if "://" in reference else self.recipe_base + reference

    def local_path(self, url: str) -> str | None:
        """Return the file of a mirror that stands for `url`, None when no mirror covers it."""
        for prefix, folder in self.mirrors:
            if url.startswith(prefix):
                path = os.path.realpath(os.path.join(folder, url[len(prefix) :].partition("?")[0].lstrip("/")))
                return path if path.startswith(os.path.realpath(folder) + os.sep) else None
        return None


def site_file(environment: Mapping[str, str], home: str) -> str:
    """Return the path of the settings: `$CONTINUUM_SITE`, else `site.yml` in the home of continuum, else in /etc."""
    if environment.get("CONTINUUM_SITE"):
        return environment["CONTINUUM_SITE"]
    own = os.path.join(home, "site.yml")
    return own if os.path.exists(own) else "/etc/continuum/site.yml"


def read_site(path: str) -> Site:
    """Return the settings of a file; the defaults when there is none. Raises `ChoiceError`."""
    try:
        with open(path, encoding="utf-8") as file:
            found = yaml.safe_load(file) or {}
    except FileNotFoundError:
        return Site()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problem = f"The site settings {path} cannot be read: {' '.join(str(error).split())}."
        raise ChoiceError.of(problem, "See docs/site.md.") from None
    if not isinstance(found, dict) or set(found) - _KEYS:
        unknown = ", ".join(sorted(map(str, set(found) - _KEYS))) if isinstance(found, dict) else "no mapping"
        problem = f"The site settings {path} have something unknown: {unknown}."
        raise ChoiceError.of(problem, f"Known: {', '.join(sorted(_KEYS))}.")
    mirrors = _mapping(found.get("mirrors"))
    base = str(found.get("recipe_base") or RECIPE_BASE)
    return Site(
        recipe_base=base if base.endswith("/") else base + "/",
        mirrors=tuple(sorted(((str(a), str(b)) for a, b in mirrors.items()), key=lambda item: -len(item[0]))),
        galaxy={
            str(name).lower(): {str(key): str(value) for key, value in _mapping(body).items()}
            for name, body in _mapping(found.get("galaxy")).items()
        },
    )


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}

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
    source_hosts: [recipes.local, 10.1.0.0/16]       # nothing else is called that is not public
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..module_utils._hosts.reach import SOURCES, Reach
from ._errors import ChoiceError

# Where the recipes of the existing catalogue are published; our own types name them by relative paths.
RECIPE_BASE = "https://raw.githubusercontent.com/grycap/tosca/main/artifacts/"
_KEYS = {"recipe_base", "mirrors", "galaxy", "source_hosts"}


@dataclass(frozen=True)
class Site:
    """The settings; `mirrors` are pairs of prefix and folder, the longest prefix first.

    `source_hosts` limit what is called for templates and recipes; None for no limit.
    """

    recipe_base: str = RECIPE_BASE
    mirrors: tuple[tuple[str, str], ...] = ()
    galaxy: dict[str, dict[str, str]] = field(default_factory=dict)
    source_hosts: tuple[str, ...] | None = None

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
    mirrors, hosts = _mapping(found.get("mirrors")), found.get("source_hosts")
    base = str(found.get("recipe_base") or RECIPE_BASE)
    return Site(
        recipe_base=base if base.endswith("/") else base + "/",
        mirrors=tuple(sorted(((str(a), str(b)) for a, b in mirrors.items()), key=lambda item: -len(item[0]))),
        galaxy={
            str(name).lower(): {str(key): str(value) for key, value in _mapping(body).items()}
            for name, body in _mapping(found.get("galaxy")).items()
        },
        source_hosts=None if hosts is None else tuple(map(str, hosts if isinstance(hosts, list) else [hosts])),
    )


def sources_reach(environment: Mapping[str, str], home: str) -> Reach | None:
    """Return where templates and recipes may come from, None for everywhere. Raises `ChoiceError`.

    On one's own machine that is everywhere; a service says where by `$CONTINUUM_SOURCE_HOSTS`, a site in its settings.
    """
    told = environment.get(SOURCES)
    hosts = read_site(site_file(environment, home)).source_hosts
    if told is None and hosts is None:
        return None
    return Reach.read([*(told or "").split(","), *(hosts or ())], documents=True)


def _mapping(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All stages in one call, and where they find their files. Private to this collection."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ._deployment.model import Deployment, deployment, read_choices
from ._errors import ContinuumError, Diagnostic
from ._parse.inputs import read_given
from ._parse.library import load_library
from ._parse.source import find_template
from ._parse.template import read_template
from ._topology.build import build_topology

Result = TypeVar("Result")
COLLECTION = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TYPES = os.path.join(COLLECTION, "playbooks", "tosca", "types")
CATALOGUE = os.path.join(COLLECTION, "playbooks", "tosca", "templates")


@dataclass(frozen=True)
class Home:
    """Where generated projects and key pairs are kept."""

    path: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Home:
        """Return `$CONTINUUM_HOME`, else `~/.continuum`."""
        chosen = environment.get("CONTINUUM_HOME") or os.path.join("~", ".continuum")
        return cls(os.path.abspath(os.path.expanduser(chosen)))

    def project(self, infrastructure: str) -> str:
        """Return the directory of an infrastructure's project."""
        return os.path.join(self.path, "projects", infrastructure)

    def key_file(self, infrastructure: str) -> str:
        """Return the path of an infrastructure's private key."""
        return os.path.join(self.path, "keys", infrastructure, "id_ed25519")


def known_clouds() -> list[str]:
    """Return the clouds that have a role in this collection."""
    roles = os.path.join(COLLECTION, "roles")
    names = os.listdir(roles) if os.path.isdir(roles) else []
    return sorted(name.removeprefix("cloud_") for name in names if name.startswith("cloud_"))


def translate(template: str, variables: Mapping[str, Any], directory: str, home: Home) -> Deployment:
    """Return the deployment of a template; `variables` are the extra variables, relative paths start in `directory`.

    Raises `ContinuumError` with all problems of the template, of its inputs and of the choices.
    """
    problems: list[Diagnostic] = []
    source = find_template(template, CATALOGUE, directory)
    choices = _noting(problems, lambda: read_choices(variables, source.name, known_clouds()))
    given = _noting(problems, lambda: read_given(variables.get("inputs")))
    topology = _noting(problems, lambda: build_topology(read_template(source, given or {}, load_library(TYPES))))
    if choices is None or topology is None or problems:
        raise ContinuumError(problems)
    return deployment(topology, choices, home.key_file(choices.infrastructure))


def _noting(problems: list[Diagnostic], action: Callable[[], Result]) -> Result | None:
    """Return what `action` returns; None when it fails, with what it found added to `problems`."""
    try:
        return action()
    except ContinuumError as error:
        problems.extend(error.diagnostics)
        return None

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tosca_playbook
author: continuum.im authors (@continuum-im)
short_description: Translate a TOSCA template into a playbook
description:
  - Translates a TOSCA template into a directory of playbooks and returns the path of its C(deploy.yml).
  - Made for M(ansible.builtin.import_playbook), which evaluates lookups when the playbook is parsed.
  - The variables C(inputs), C(cloud), C(infrastructure), C(images), C(sizes), C(instances), C(confined) and
    C(refresh_recipes) are read from the extra variables.
  - The project is written below C($CONTINUUM_HOME/projects), by default C(~/.continuum/projects). With C(--check),
    C(--syntax-check) and C(--list-tasks) it is written to a temporary directory that is removed at the end.
options:
  _terms:
    description:
      - The template - a name of the catalogue, a path, or an http(s) URL. Exactly one.
      - Or a list of a template and its add-ons, which may be written as text too.
    type: raw
    required: true
requirements:
  - tosca-parser
notes:
  - Text of users never becomes a template. It is written as C(!unsafe).
  - Secret inputs are not written at all. For the time of the run they are in the environment, as C(IM_INPUT_*).
  - Recipes that a template names by URL are fetched once and pinned by their SHA-256.
"""

EXAMPLES = r"""
- name: Deploy a TOSCA template
  ansible.builtin.import_playbook: "{{ lookup('continuum.im.tosca_playbook', template) }}"
"""

RETURN = r"""
_raw:
  description: The absolute path of C(deploy.yml) in the generated project.
  type: list
  elements: path
"""

import atexit
import os
import shutil
import sys
import tempfile
from functools import partial
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible_collections.continuum.im.plugins.module_utils._fetch import downloads
from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._fetch.galaxy import install
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.runner import require_sandbox
from ansible_collections.continuum.im.plugins.plugin_utils._site import sources_reach
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (
    Home,
    World,
    fetch_recipes,
    inventory_sources,
    missing_clouds,
    read_extra_variables,
    read_term,
    secrets_of_deployment,
    translate,
)

_DRY = ("check", "syntax", "listtasks", "listhosts", "listtags")


class LookupModule(LookupBase):
    """Thin: reads arguments, calls the translator, writes the project."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the path of the generated `deploy.yml` in a list."""
        if len(terms) != 1:
            raise AnsibleLookupError("tosca_playbook takes exactly one template.")
        # Taken as they are, never templated: they are text of users.
        available = variables or {}
        chosen = read_extra_variables(available)
        home = Home.of(os.environ)
        fetch = downloads(partial(sources_reach, os.environ, home.path))
        world = World(os.getcwd(), home, os.environ, fetch, _is_dry())
        try:
            found = translate(read_term(terms[0], available), chosen, world.directory, world.home, world)
            missing = missing_clouds(found)
            if missing:
                raise ContinuumError(missing)
            contents, site = fetch_recipes(found, world, str(chosen.get("refresh_recipes")).lower() == "true")
            files = render(found, contents, site, inventory_sources(found.choices.cloud))
            directory = self._directory(found, world.home)
            write(files, directory)
            if found.topology.recipes and not _only_looks():
                self._prepare_recipes(found, world.home, directory)
        except ContinuumError as error:
            raise AnsibleLookupError(f"The template cannot be deployed:\n{error}") from None
        for notice in found.topology.notices:
            Display().warning(notice)
        # The workers of this run inherit it; nobody else sees it.
        os.environ.update(secrets_of_deployment(found))
        return [os.path.join(directory, "deploy.yml")]

    def _prepare_recipes(self, found: Deployment, home: Home, directory: str) -> None:
        """What recipes need is there before the first host is made, or the run ends here."""
        if found.choices.confined:
            require_sandbox()
        galaxy = os.path.join(os.path.dirname(sys.executable), "ansible-galaxy")
        install(home.path, directory, galaxy, sources_reach(os.environ, home.path), os.environ)

    def _directory(self, found: Deployment, home: Home) -> str:
        name = found.choices.infrastructure
        return self._scratch(name) if _is_dry() else home.project(name)

    def _scratch(self, name: str) -> str:
        """A dry run leaves nothing behind."""
        parent = tempfile.mkdtemp(prefix="continuum-")
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        return os.path.join(parent, name)


def _only_looks() -> bool:
    """True when no task runs at all; a plan (--check) needs what recipes need."""
    return any(context.CLIARGS.get(name) for name in _DRY if name != "check")


def _is_dry() -> bool:
    return any(context.CLIARGS.get(name) for name in _DRY)

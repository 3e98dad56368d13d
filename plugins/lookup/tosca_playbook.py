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
  - The variables C(inputs), C(cloud), C(infrastructure), C(images), C(sizes) and C(instances) are read from the
    extra variables.
  - The project is written below C($CONTINUUM_HOME/projects), by default C(~/.continuum/projects). With C(--check),
    C(--syntax-check) and C(--list-tasks) it is written to a temporary directory that is removed at the end.
options:
  _terms:
    description: The template - a name of the catalogue, a path, or an http(s) URL. Exactly one.
    type: str
    required: true
requirements:
  - tosca-parser
notes:
  - Text of users never becomes a template. It is written as C(!unsafe).
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
import json
import os
import shutil
import tempfile
from typing import Any

from ansible import context
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate

_CHOICES = ("inputs", "cloud", "infrastructure", "images", "sizes", "instances")
_DRY = ("check", "syntax", "listtasks", "listhosts", "listtags")


class LookupModule(LookupBase):
    """Thin: reads arguments, calls the translator, writes the project."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the path of the generated `deploy.yml` in a list."""
        if len(terms) != 1:
            raise AnsibleLookupError("tosca_playbook takes exactly one template.")
        # Taken as they are, never templated: they are text of users.
        available = variables or {}
        chosen = _plain({name: available[name] for name in _CHOICES if name in available})
        home = Home.of(os.environ)
        try:
            deployment = translate(str(terms[0]), chosen, os.getcwd(), home)
        except ContinuumError as error:
            raise AnsibleLookupError(f"The template cannot be deployed:\n{error}") from None
        name = deployment.choices.infrastructure
        directory = self._scratch(name) if _is_dry() else home.project(name)
        write(render(deployment), directory)
        return [os.path.join(directory, "deploy.yml")]

    def _scratch(self, name: str) -> str:
        """A dry run leaves nothing behind."""
        parent = tempfile.mkdtemp(prefix="continuum-")
        atexit.register(shutil.rmtree, parent, ignore_errors=True)
        return os.path.join(parent, name)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values as plain Python data: Ansible's own types carry tags that no YAML writer knows."""
    found: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return found


def _is_dry() -> bool:
    return any(context.CLIARGS.get(name) for name in _DRY)

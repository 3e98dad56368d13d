# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: tosca_topology
author: continuum.im authors (@continuum-im)
short_description: What a TOSCA template asks for, and what is wrong with it
description:
  - Reads and checks a template with its inputs, and describes it. Nothing is written, fetched or created.
  - Reads the same extra variables as P(continuum.im.tosca_playbook#lookup).
options:
  _terms:
    description: The template, or a list of a template and its add-ons. Exactly one.
    type: raw
    required: true
requirements:
  - tosca-parser
"""

EXAMPLES = r"""
- name: Show what a template asks for
  ansible.builtin.debug:
    msg: "{{ lookup('continuum.im.tosca_topology', 'slurm').table }}"
"""

RETURN = r"""
_raw:
  description:
    - One mapping with C(problems), lines of text, and C(diagnostics), the same as mappings.
    - A diagnostic has C(code), C(message), C(hint) and, where they are known, C(file), C(line) and C(column).
    - Without problems also C(topology) (plain data), C(table) (lines of text) and C(svg) (a picture).
  type: list
  elements: dict
"""

import os
from functools import partial
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.continuum.im.plugins.module_utils._fetch import downloads
from ansible_collections.continuum.im.plugins.plugin_utils._describe.picture import picture
from ansible_collections.continuum.im.plugins.plugin_utils._describe.text import describe, table
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._site import sources_reach
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (
    Home,
    World,
    read_extra_variables,
    read_term,
    translate,
)


class LookupModule(LookupBase):
    """Thin: reads arguments, calls the translator."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return one mapping in a list."""
        if len(terms) != 1:
            raise AnsibleLookupError("tosca_topology takes exactly one template.")
        available = variables or {}
        home = Home.of(os.environ)
        fetch = downloads(partial(sources_reach, os.environ, home.path))
        world = World(os.getcwd(), home, os.environ, fetch, dry=True)
        try:
            found = translate(
                read_term(terms[0], available), read_extra_variables(available), world.directory, world.home, world
            )
        except ContinuumError as error:
            return [{"problems": str(error).splitlines(), "diagnostics": [item.data() for item in error.diagnostics]}]
        description = describe(found.topology)
        described = {"topology": description, "table": table(description), "svg": picture(description)}
        return [{"problems": [], "diagnostics": [], **described}]

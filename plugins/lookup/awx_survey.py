# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: awx_survey
author: continuum.im authors (@continuum-im)
short_description: The inputs of a TOSCA template as a survey of AWX
description:
  - Returns what the option C(survey_spec) of C(awx.awx.job_template) takes - a question for the infrastructure, one for
    the cloud, and one for each input of the template.
  - The variable of an input is C(im_input_) and its name. P(continuum.im.tosca_playbook#lookup) reads it.
  - An empty answer is none.
  - Secret inputs are questions for passwords and have no default.
options:
  _terms:
    description: The template, or a list of a template and its add-ons. Exactly one, none with O(playbook).
    type: raw
  playbook:
    description: A playbook in place of a template - one that works on hosts that are there.
    type: str
    choices: [destroy, start, stop, reboot, snapshot]
  clouds:
    description:
      - The clouds to choose from. Those that cannot have what the template asks for are left out.
      - The first is the default.
    type: list
    elements: str
    default: [aws, openstack, lambda]
requirements:
  - tosca-parser
"""

EXAMPLES = r"""
- name: Show the survey
  ansible.builtin.debug:
    msg: "{{ lookup('continuum.im.awx_survey', 'slurm', clouds=['openstack']) }}"
"""

RETURN = r"""
_raw:
  description: One mapping with C(name), C(description) and C(spec).
  type: list
  elements: dict
"""

import os
from functools import partial
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.continuum.im.plugins.module_utils._fetch import downloads
from ansible_collections.continuum.im.plugins.plugin_utils._describe.survey import playbook_survey
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._site import sources_reach
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, World, read_term, template_survey


class LookupModule(LookupBase):
    """Thin: reads arguments, asks for the survey."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        """Return one survey in a list."""
        playbook = str(kwargs.get("playbook") or "")
        if len(terms) != (0 if playbook else 1):
            raise AnsibleLookupError("awx_survey takes exactly one template, or a playbook.")
        home = Home.of(os.environ)
        fetch = downloads(partial(sources_reach, os.environ, home.path))
        world = World(os.getcwd(), home, os.environ, fetch, dry=True)
        clouds = [str(cloud) for cloud in kwargs.get("clouds") or ("aws", "openstack", "lambda")]
        try:
            if playbook:
                return [playbook_survey(playbook, clouds)]
            return [template_survey(read_term(terms[0], variables or {}), clouds, world)]
        except ContinuumError as error:
            raise AnsibleLookupError(f"There is no survey:\n{error}") from None

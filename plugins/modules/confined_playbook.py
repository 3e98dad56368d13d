#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

from __future__ import annotations

DOCUMENTATION = r"""
module: confined_playbook
short_description: Run a playbook of a generated project in a sandbox
description:
  - Runs C(ansible-playbook) as a process of its own in bubblewrap, where foreign recipes see their own project only.
  - There is no network but SSH to the hosts of the infrastructure and HTTP(S) to public addresses.
  - Of the environment only C(IM_INPUT_*), the secret inputs of the template, is handed on.
  - The project cannot be changed from inside, since it is used outside too.
author:
  - continuum.im authors (@continuum-im)
options:
  project:
    description: Folder of the generated project.
    type: path
    required: true
  keys:
    description: Folder of the infrastructure's key pair.
    type: path
    required: true
  playbook:
    description: Name of the playbook in the project.
    type: str
    required: true
  instances:
    description: The hosts, as the roles of clouds report them.
    type: list
    elements: dict
    required: true
  surplus:
    description: Hosts that are about to be removed.
    type: list
    elements: dict
    default: []
  galaxy:
    description: Folder with C(roles) and C(collections) that the recipes need.
    type: path
  variables:
    description: Extra variables.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Can run without changing anything.
    support: full
    details: The inner run gets C(--check) too.
  diff_mode:
    description: Shows what would change or has changed.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: partial
    details: As far as the playbook is.
requirements:
  - bubblewrap
"""

EXAMPLES = r"""
- name: Run the recipes in a sandbox
  continuum.im.confined_playbook:
    project: "{{ playbook_dir }}"
    keys: "{{ im_key_file | dirname }}"
    playbook: configure.yml
    instances: "{{ ansible_facts.im_instances }}"
"""

RETURN = r"""
continuum_progress:
  description: Timings, roles a host and counts, as the callback P(continuum.im.progress#callback) writes them.
  type: dict
  returned: always
ansible_output:
  description: What debug tasks printed, by play and task, in this run or in earlier ones.
  type: dict
  returned: always
refused:
  description: What the sandbox refused to connect to.
  type: list
  elements: str
  returned: always
"""

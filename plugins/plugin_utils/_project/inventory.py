# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`inventory/`: the hosts as the cloud has them at any later time, for playbooks of the user's own.

A role of a cloud may have files `files/inventory.<plugin>.yml`, configurations of inventory plugins in which the hosts
are named as they are named in the cloud. The configuration of SSH, which every deployment writes, knows these names.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping

from .._deployment.model import Deployment
from .yaml_text import dump

FOLDER = "inventory"
PREFIX = "inventory."
_NAME = "IM_INFRASTRUCTURE"
_KEYS = "IM_KEYS"


def inventory_files(deployment: Deployment, sources: Mapping[str, str]) -> dict[str, str]:
    """Return the files of the folder by name; `sources` are the files of the cloud's role, by theirs.

    The name of the infrastructure takes the place of `IM_INFRASTRUCTURE`: it has letters, digits and dashes. The folder
    of its keys takes the place of `IM_KEYS`, as a text in an expression of Jinja.
    """
    if not sources:
        return {}
    keys = os.path.dirname(deployment.key_file)
    name = deployment.choices.infrastructure
    variables = {
        "ansible_ssh_private_key_file": deployment.key_file,
        "ansible_ssh_common_args": f"-F {shlex.quote(os.path.join(keys, 'ssh_config'))}",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    hosts = {
        f"{FOLDER}/hosts.{file.removeprefix(PREFIX)}": text.replace(_NAME, name).replace(_KEYS, json.dumps(keys))
        for file, text in sources.items()
    }
    return {**hosts, f"{FOLDER}/group_vars/all.yml": dump(variables)}

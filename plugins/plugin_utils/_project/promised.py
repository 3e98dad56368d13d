# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that recipes of the existing catalogue look for (profile, section 2.1), beside those of every host.

A play gets those that its recipes name, so that projects stay readable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._fetch.store import Fetched
from .._topology.model import HostGroup, Step, group_word
from .yaml_text import Jinja

_MASTER = {
    "IM_MASTER_HOSTNAME": "IM_NODE_HOSTNAME",
    "IM_MASTER_FQDN": "IM_NODE_FQDN",
    "IM_MASTER_DOMAIN": "IM_NODE_DOMAIN",
}


def promised_variables(
    steps: Iterable[Step], contents: Mapping[str, Fetched], groups: Iterable[HostGroup]
) -> dict[str, Any]:
    """Return the variables for the play of these steps."""
    text = "\n".join(_text(step, contents) for step in steps)
    members = list(groups)
    known: dict[str, Any] = {
        f"IM_{group_word(group.node).upper()}_NUM_VMS": Jinja(_count(group.node)) for group in members
    }
    known.update({name: Jinja(_master(variable)) for name, variable in _MASTER.items()})
    known["IM_INFRASTRUCTURE_RADL"] = [_system(group) for group in members]
    return {name: value for name, value in known.items() if re.search(rf"\b{name}\b", text)}


def _text(step: Step, contents: Mapping[str, Fetched]) -> str:
    if step.recipe is None:
        return ""
    if step.recipe.reference:
        return contents[step.recipe.reference].content.decode("utf-8", "replace")
    return json.dumps(step.recipe.tasks, default=str)


def _count(group: str) -> str:
    return "{{ groups['" + group + "'] | default([]) | length | string }}"


def _master(variable: str) -> str:
    """There is no master: the host that keeps the record stands for it."""
    return "{{ hostvars[groups['im_first'][0]]['" + variable + "'] }}"


def _system(group: HostGroup) -> dict[str, Any]:
    return {
        "id": group.node,
        "class": "system",
        "cpu_count_min": group.cpus,
        "memory_size_min": group.memory,
        "gpu_count_min": group.num_gpus,
        "disk_0_size_min": group.disk,
        "instance_type": group.instance_type,
    }

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`topology.yml`: the data that the plays of a project read."""

from __future__ import annotations

import dataclasses
from typing import Any

from .._deployment.model import Deployment
from .._parse.expressions import encode
from .._topology.model import HostGroup, Step


def topology_data(deployment: Deployment) -> dict[str, Any]:
    """Return the variables of `topology.yml`; the contract of a cloud (docs/architecture.md) names most of them."""
    topology, choices = deployment.topology, deployment.choices
    wanted = choices.instances
    return {
        "im_infrastructure": choices.infrastructure,
        "im_cloud": choices.cloud,
        "im_key_file": deployment.key_file,
        "im_networks": [dataclasses.asdict(network) for network in topology.networks],
        "im_groups": [_group(group) for group in topology.groups],
        "im_instances_wanted": None if wanted is None else [{"id": number, "node": node} for number, node in wanted],
        "im_steps": [_step(step) for step in topology.steps],
        "im_outputs": encode(topology.outputs),
    }


def _group(group: HostGroup) -> dict[str, Any]:
    data = dataclasses.asdict(group)
    for name in ("remove", "networks", "shares", "dns_names", "ports", "volumes"):
        data[name] = list(data[name])
    data["cpus"] = int(group.cpus) if float(group.cpus).is_integer() else group.cpus
    return data


def _step(step: Step) -> dict[str, Any]:
    return {**dataclasses.asdict(step), "inputs": encode(step.inputs)}

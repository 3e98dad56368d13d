# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`topology.yml`: the data that the plays of a project read."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .._deployment.model import Choices, Deployment
from .._fetch.store import Fetched
from .._parse.expressions import encode
from .._parse.secret import Secret
from .._topology.model import HostGroup, Network, Recipe, Step


def topology_data(deployment: Deployment, contents: Mapping[str, Fetched]) -> dict[str, Any]:
    """Return the variables of `topology.yml`; the contract of a cloud (docs/architecture.md) names most of them.

    `contents` are the fetched recipes by reference.
    """
    topology, choices = deployment.topology, deployment.choices
    return {
        "im_infrastructure": choices.infrastructure,
        "im_cloud": choices.cloud,
        **_clouds(deployment),
        "im_key_file": deployment.key_file,
        "im_networks": [_network(network) for network in topology.networks],
        "im_groups": [_group(group) for group in topology.groups],
        "im_instances_wanted": _wanted(choices),
        "im_steps": [_step(step, contents) for step in topology.steps],
        "im_outputs": encode(topology.outputs),
    }


def _clouds(deployment: Deployment) -> dict[str, Any]:
    """What the role for several clouds needs: the clouds, and which groups are whose."""
    clouds = deployment.choices.clouds
    return {"im_clouds": list(clouds), "im_placement": dict(deployment.placement)} if clouds else {}


def _wanted(choices: Choices) -> list[dict[str, Any]] | None:
    if choices.instances is None:
        return None
    return [{"id": number, "node": node, **choices.host_sizes.get(number, {})} for number, node in choices.instances]


def _group(group: HostGroup) -> dict[str, Any]:
    data = dataclasses.asdict(group)
    for name in ("remove", "networks", "shares", "dns_names", "ports", "volumes", "additional_ips"):
        data[name] = list(data[name])
    data["cpus"] = int(group.cpus) if float(group.cpus).is_integer() else group.cpus
    return data


def _network(network: Network) -> dict[str, Any]:
    """A proxy's password or key is in the environment of the run, by the name of a variable."""
    data = dataclasses.asdict(dataclasses.replace(network, proxy=None))
    proxy = network.proxy
    if proxy is not None:
        token = proxy.token.variable if isinstance(proxy.token, Secret) else ""
        login = {"host": proxy.host, "user": proxy.user, "token_type": proxy.token_type}
        data["proxy"] = {**login, "token_variable": token}
    return data


def _step(step: Step, contents: Mapping[str, Fetched]) -> dict[str, Any]:
    data = {
        "name": step.name,
        "node": step.node,
        "group": step.group,
        "role": step.role,
        "level": step.level,
        "entry": step.entry,
        "phase": step.phase,
        "inputs": encode(step.inputs),
    }
    if step.recipe is not None:
        data["recipe"] = _recipe_digest(step.recipe, contents)
        data["files"] = [contents[file].sha256 for file in step.files]
    return data


def _recipe_digest(recipe: Recipe, contents: Mapping[str, Fetched]) -> str:
    if recipe.reference:
        return contents[recipe.reference].sha256
    return hashlib.sha256(json.dumps(recipe.tasks, sort_keys=True, default=str).encode()).hexdigest()

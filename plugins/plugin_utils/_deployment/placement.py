# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One infrastructure on several clouds: which group of hosts lives where.

A placement policy names the cloud (profile, section 1.10); groups without one live in the first cloud that was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .._errors import ChoiceError, did_you_mean
from .._topology.model import HostGroup
from .._topology.ports import SSH

# The role that stands for several clouds: it hands each group to the role of its cloud.
HYBRID = "hybrid"
Groups = tuple[HostGroup, ...]


def place_groups(groups: Groups, clouds: Sequence[str]) -> tuple[Groups, dict[str, str]]:
    """Return the groups as they are on these clouds, and the cloud of each group; of none when there is one cloud.

    Raises `ChoiceError` for a group that a policy puts on a cloud which was not chosen.
    """
    if not clouds:
        return groups, {}
    placement = {group.node: _cloud_of(group, clouds) for group in groups}
    return tuple(_reachable(group, groups, placement) for group in groups), placement


def _cloud_of(group: HostGroup, clouds: Sequence[str]) -> str:
    name = group.cloud_id or clouds[0]
    if name not in clouds:
        problem = f"A placement policy puts '{group.node}' on the cloud '{name}', which was not chosen."
        hint = did_you_mean(name, list(clouds)) or f"Chosen were: {', '.join(clouds)}."
        raise ChoiceError.of(problem, hint)
    return name


def _reachable(group: HostGroup, groups: Groups, placement: dict[str, str]) -> HostGroup:
    """A cloud in which no group is public has no host through which the others are reached: there all are public."""
    cloud = placement[group.node]
    if any(other.public for other in groups if placement[other.node] == cloud):
        return group
    ports = group.ports if SSH in group.ports else (*group.ports, SSH)
    return replace(group, public=True, ports=ports)

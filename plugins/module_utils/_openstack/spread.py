# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server groups: the hosts of a group on different machines of the site, as far as it has them.

They are a wish: without them, or without room in them, everything works all the same.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._hosts.model import Group, HostsError
from .cloud import Cloud
from .errors import status_of
from .kinds import COMPUTE, SERVER_GROUPS, Resource, part_name
from .network import PLANNED, Builder
from .quota import Limits

_SINCE = (2, 15)
_POLICY = "soft-anti-affinity"


class Spread:
    """The server groups of an infrastructure."""

    def __init__(self, builder: Builder, limits: Limits) -> None:
        self._builder, self._limits = builder, limits
        self._cloud: Cloud = builder.cloud
        self.groups: dict[str, str] = {}

    def build(self, groups: Iterable[Group]) -> None:
        """Make what is missing for host groups that grow: `groups` has the ids, "" for none. Raises HostsError."""
        for group in groups:
            self.groups[group.node] = self._group_for(group)

    def _group_for(self, group: Group) -> str:
        limits = self._limits.of(COMPUTE)
        most = int(limits.get("maxServerGroupMembers", 10))
        if group.count < 2 or self._builder.seen.lacks(SERVER_GROUPS) or 0 <= most < group.count:
            return ""
        part = f"hosts-{group.node}"
        line = f"server group {part}"
        found = self._builder.seen.part(SERVER_GROUPS, part)
        if found is not None:
            self._builder.changes.keep(line)
            return str(found["id"])
        limit, used = int(limits.get("maxServerGroups", -1)), int(limits.get("totalServerGroupsUsed", 0))
        if 0 <= limit <= used:
            return ""
        if self._cloud.site.highest(COMPUTE) < _SINCE:
            return ""
        made = self._builder.changes.add(line, lambda: self._create(part))
        return str(made["id"]) if made else "" if made is not None else PLANNED

    def _create(self, part: str) -> Resource:
        name = part_name(self._builder.seen.infrastructure, part)
        body = {SERVER_GROUPS.one: {"name": name, "policies": [_POLICY]}}

        def look() -> Resource | None:
            found = self._cloud.all(SERVER_GROUPS) or []
            return next((item for item in found if item["name"] == name), None)

        try:
            return self._cloud.create(SERVER_GROUPS, body, look, version="2.15")
        except HostsError as error:
            if status_of(error) in (403, 404):
                return {}
            raise

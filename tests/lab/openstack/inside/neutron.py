# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neutron without agents: ports are bound at once, floating addresses are active when they belong to a port."""

from __future__ import annotations

import importlib
import os
from typing import Any

from neutron.services.l3_router import l3_router_plugin
from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

from . import serve


def run() -> None:
    """Serve."""
    os.environ["OS_NEUTRON_CONFIG_DIR"] = serve.config_folder("neutron")
    os.environ["OS_NEUTRON_CONFIG_FILES"] = "neutron.conf"
    serve.http(importlib.import_module("neutron.wsgi.api").application, "neutron")


class MechanismDriver(api.MechanismDriver):
    """Binds every port. What it would tell an agent, the lab reads from the database."""

    def initialize(self) -> None:
        """Nothing is needed."""

    def bind_port(self, context: Any) -> None:
        """Bind a port to the first segment of its network."""
        details = {portbindings.CAP_PORT_FILTER: True}
        for segment in context.segments_to_bind:
            kind = portbindings.VIF_TYPE_BRIDGE
            context.set_binding(segment[api.ID], kind, details, status=constants.PORT_STATUS_ACTIVE)
            return

    def filter_hosts_with_segment_access(
        self, _context: Any, _segments: Any, candidate_hosts: Any, _agent_getter: Any
    ) -> set[str]:
        """Return the hosts that reach a segment: all."""
        return set(candidate_hosts)


class RouterPlugin(l3_router_plugin.L3RouterPlugin):
    """Says of floating addresses what the agent for routers would say."""

    def create_floatingip(self, context: Any, floatingip: Any) -> Any:
        """Make one, maybe for a port at once."""
        return self._settled(context, super().create_floatingip(context, floatingip))

    def update_floatingip(self, context: Any, id: str, floatingip: Any) -> Any:  # noqa: A002
        """Change the port of one."""
        return self._settled(context, super().update_floatingip(context, id, floatingip))

    def _settled(self, context: Any, address: Any) -> Any:
        active = bool(address.get("port_id"))
        status = constants.FLOATINGIP_STATUS_ACTIVE if active else constants.FLOATINGIP_STATUS_DOWN
        if address["status"] != status:
            self.update_floatingip_status(context.elevated(), address["id"], status)
            address["status"] = status
        return address

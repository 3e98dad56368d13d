# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run on OpenStack is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from .._hosts.model import DEFAULT_NETWORK, Group, Host, Network, Slot, group_of


@dataclass(frozen=True)
class Request:
    """The options of the module, checked.

    `hosts`: names or numbers of the hosts to start, stop, reboot or keep as an image, none for all. `last_id` is the
    highest number in use on other clouds. `floating_ips`: whether public hosts get a floating IP: auto, always, never.
    """

    infrastructure: str
    networks: tuple[Network, ...] = (DEFAULT_NETWORK,)
    groups: tuple[Group, ...] = ()
    wanted: tuple[Slot, ...] | None = None
    purge: bool = True
    public_key: str = ""
    private_key_file: str = ""
    user: str = ""
    timeout: int = 300
    wait: bool = True
    check: bool = False
    hosts: tuple[str, ...] = ()
    last_id: int = -1
    external_network: str = ""
    floating_ips: str = "auto"
    dns_servers: tuple[str, ...] = ()
    user_data: str = ""
    snapshot: str = ""

    def group(self, node: str) -> Group:
        """Return the group of a name."""
        return next(group for group in self.groups if group.node == node)

    def own_group(self, host: Host | Slot) -> Group:
        """Return the group of one host, with the size that this host is wanted with."""
        return group_of(self.groups, self.wanted, host.id, host.node)

    def networks_of(self, group: Group) -> list[Network]:
        """Return the networks of a group, the first of all when it names none."""
        known = {network.name: network for network in self.networks}
        return [known[name] for name in group.networks] or list(self.networks[:1])

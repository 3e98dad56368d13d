# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts that the roles of this collection use, and no others: gathering all takes a second a host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ansible.module_utils.facts import ansible_collector
from ansible.module_utils.facts.namespace import PrefixFactNamespace
from ansible.module_utils.facts.network.linux import LinuxNetworkCollector
from ansible.module_utils.facts.system.distribution import DistributionFactCollector
from ansible.module_utils.facts.system.pkg_mgr import PkgMgrFactCollector
from ansible.module_utils.facts.system.platform import PlatformFactCollector
from ansible.module_utils.facts.system.service_mgr import ServiceMgrFactCollector
from ansible.module_utils.facts.virtual.linux import LinuxVirtualCollector

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


def gather(module: AnsibleModule) -> dict[str, Any]:
    """Return the facts by their `ansible_` names, as the collectors of ansible-core find them."""
    collector = ansible_collector.get_ansible_collector(
        all_collector_classes=[
            PlatformFactCollector,
            DistributionFactCollector,
            LinuxVirtualCollector,
            PkgMgrFactCollector,
            ServiceMgrFactCollector,
            LinuxNetworkCollector,
        ],
        namespace=PrefixFactNamespace(namespace_name="ansible", prefix="ansible_"),
        gather_subset=["all"],
        minimal_gather_subset=frozenset(),
    )
    facts: dict[str, Any] = collector.collect(module=module)
    return facts

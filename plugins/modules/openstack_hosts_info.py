#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an infrastructure has on OpenStack."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openstack_hosts_info
short_description: List the hosts of an infrastructure on OpenStack
description:
  - Lists by metadata, tags and names; changes nothing.
options:
  infrastructure:
    description:
      - Name of the infrastructure.
    type: str
    required: true
  hosts:
    description:
      - The hosts to list, by their names or numbers. All when the list is empty. One that does not exist is an error.
    type: list
    elements: str
    default: []
  whereabouts_file:
    description:
      - File in which M(continuum.im.openstack_hosts) wrote down site and project. Others are refused.
    type: path
extends_documentation_fragment:
  - continuum.im.attributes.info
  - continuum.im.openstack
seealso:
  - module: continuum.im.openstack_hosts
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: List the hosts of an infrastructure
  continuum.im.openstack_hosts_info:
    cloud: mysite
    infrastructure: slurm
"""

RETURN = r"""
ansible_facts:
  description: The hosts as the contract of a cloud has them.
  returned: success
  type: dict
  contains:
    im_instances:
      description: Hosts of the infrastructure in the order of their ids.
      type: list
      elements: dict
    im_surplus:
      description: Always empty; only M(continuum.im.openstack_hosts) knows what is wanted.
      type: list
      elements: dict
    im_last:
      description: The highest number that a host ever had, as far as it is known; -1 when there was none.
      type: int
chosen:
  description: The hosts that O(hosts) names, in the same shape.
  returned: success
  type: list
  elements: dict
resources:
  description: Everything that the infrastructure has, as kind and id.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.choose import choose_hosts
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import check_infrastructure
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import instances
from ansible_collections.continuum.im.plugins.module_utils._hosts.ways import with_jumps
from ansible_collections.continuum.im.plugins.module_utils._openstack import kinds
from ansible_collections.continuum.im.plugins.module_utils._openstack.connect import auth_argument_spec, connect
from ansible_collections.continuum.im.plugins.module_utils._openstack.seen import observe
from ansible_collections.continuum.im.plugins.module_utils._openstack.whereabouts import check_whereabouts


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            **auth_argument_spec(),
            "infrastructure": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "whereabouts_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        name = check_infrastructure(module.params["infrastructure"])
        cloud = connect(module.params)
        check_whereabouts(module.params["whereabouts_file"], name, cloud.site)
        seen = observe(cloud, name)
        hosts = with_jumps(seen.hosts)
        some = choose_hosts(hosts, module.params["hosts"])
    except HostsError as error:
        module.fail_json(msg=str(error))
    facts = {"im_instances": instances(hosts), "im_surplus": [], "im_last": seen.last}
    resources = sorted(f"{kind.name} {kinds.id_of(kind, item)}" for kind in kinds.ALL for item in seen.of(kind))
    module.exit_json(changed=False, ansible_facts=facts, chosen=instances(some), resources=resources)


if __name__ == "__main__":
    main()

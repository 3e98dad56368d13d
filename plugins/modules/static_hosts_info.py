#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts that exist already belong to an infrastructure."""

from __future__ import annotations

DOCUMENTATION = r"""
module: static_hosts_info
short_description: List the hosts of an infrastructure that exist already
description:
  - Asks the hosts whose they are, changes nothing.
options:
  infrastructure:
    description:
      - Name of the infrastructure.
    type: str
    required: true
  hosts:
    description:
      - Hosts that must be there, by name, host name, number, address or id in the cloud. One that is not is an error.
    type: list
    elements: str
    default: []
  offered:
    description:
      - Hosts to ask, beside those that the controller remembers; see M(continuum.im.static_hosts).
    type: list
    elements: raw
    default: []
  hosts_file:
    description:
      - A file with further hosts to ask; see M(continuum.im.static_hosts).
    type: path
  folder:
    description:
      - Folder of the controller with the key pair of the infrastructure and the record of its hosts.
    type: path
    required: true
  user:
    description:
      - Login user of hosts that name none. By default the one that SSH takes.
    type: str
    default: ""
  private_key_file:
    description:
      - Private key for hosts that name none and do not know the key of the infrastructure.
    type: path
extends_documentation_fragment:
  - continuum.im.attributes.info
seealso:
  - module: continuum.im.static_hosts
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: List the hosts of an infrastructure
  continuum.im.static_hosts_info:
    infrastructure: slurm
    folder: "{{ lookup('ansible.builtin.env', 'HOME') }}/.continuum/keys/slurm"
"""

RETURN = r"""
ansible_facts:
  description: The hosts as the contract of a cloud has them.
  returned: success
  type: dict
  contains:
    im_instances:
      description:
        - Hosts of the infrastructure in the order of their ids. One that does not answer has the state V(stopped).
      type: list
      elements: dict
    im_surplus:
      description: Always empty; only M(continuum.im.static_hosts) knows what is wanted.
      type: list
      elements: dict
chosen:
  description: The hosts that O(hosts) names, in the same shape.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import check_infrastructure
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import instances
from ansible_collections.continuum.im.plugins.module_utils._static.absent import chosen_of
from ansible_collections.continuum.im.plugins.module_utils._static.options import offer_spec, read_offer
from ansible_collections.continuum.im.plugins.module_utils._static.seen import Request


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "infrastructure": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "str", "default": []},
            **offer_spec(),
        },
        supports_check_mode=True,
    )
    try:
        name = check_infrastructure(module.params["infrastructure"])
        request = Request(name, **read_offer(module.params), hosts=tuple(module.params["hosts"]), check=True)
        hosts, chosen = chosen_of(request)
    except HostsError as error:
        module.fail_json(msg=str(error))
    facts = {"im_instances": instances(hosts), "im_surplus": []}
    module.exit_json(changed=False, ansible_facts=facts, chosen=instances(chosen))


if __name__ == "__main__":
    main()

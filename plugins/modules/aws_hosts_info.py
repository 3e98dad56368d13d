#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an infrastructure has on Amazon EC2."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_hosts_info
short_description: List the hosts of an infrastructure on Amazon EC2
description:
  - Lists by tag, changes nothing.
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
      - File in which M(continuum.im.aws_hosts) wrote down the region. Another region is refused.
    type: path
extends_documentation_fragment:
  - continuum.im.attributes.info
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
seealso:
  - module: continuum.im.aws_hosts
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: List the hosts of an infrastructure
  continuum.im.aws_hosts_info:
    region: eu-west-1
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
      description: Always empty; only M(continuum.im.aws_hosts) knows what is wanted.
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
without_data:
  description:
    - The disks of the hosts that O(hosts) names, without the root disks.
    - In the shape in which C(device_mapping) of M(amazon.aws.ec2_ami) leaves them out.
  returned: success
  type: list
  elements: dict
resources:
  description: Everything that bears the tag of the infrastructure, as kind and id.
  returned: success
  type: list
  elements: str
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.continuum.im.plugins.module_utils._aws import kinds
from ansible_collections.continuum.im.plugins.module_utils._aws.connect import connect
from ansible_collections.continuum.im.plugins.module_utils._aws.seen import observe
from ansible_collections.continuum.im.plugins.module_utils._aws.waiting import with_jumps
from ansible_collections.continuum.im.plugins.module_utils._aws.whereabouts import check_whereabouts
from ansible_collections.continuum.im.plugins.module_utils._hosts.choose import choose_hosts
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import check_infrastructure
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import instances


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "infrastructure": {"type": "str", "required": True},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "whereabouts_file": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        name = check_infrastructure(module.params["infrastructure"])
        cloud = connect(module)
        check_whereabouts(module.params["whereabouts_file"], name, cloud.region)
        seen = observe(cloud, name, kinds.ALL)
        hosts = with_jumps(seen.hosts)
        some = choose_hosts(hosts, module.params["hosts"])
    except HostsError as error:
        module.fail_json(msg=str(error))
    facts = {"im_instances": instances(hosts), "im_surplus": [], "im_last": seen.last}
    resources = sorted(f"{kind.name} {item[kind.id]}" for kind in kinds.ALL for item in seen.of(kind))
    devices = sorted({device for host in some for device in host.facts["data_devices"]})
    without = [{"device_name": device, "no_device": True} for device in devices]
    module.exit_json(
        changed=False, ansible_facts=facts, chosen=instances(some), without_data=without, resources=resources
    )


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on Amazon EC2."""

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_hosts
short_description: Manage the hosts of an infrastructure on Amazon EC2
description:
  - Converges all hosts of an infrastructure in one call, with what they need - VPC, subnets, gateways, security groups,
    key pair, disks, addresses that stay and public names.
  - What exists is found by tags, so there is no state to keep or to lose. Ids of hosts are never used twice.
  - A call whose answer is lost, or a run that is killed, makes no twin. The next run goes on where it stopped.
  - Hosts are made by one call for each group. Disks are encrypted, and the metadata service wants session tokens.
options:
  user:
    description:
      - Login user of the hosts. By default the one that the maker of the image chose.
    type: str
    default: ""
  private_key_file:
    description:
      - The private key of O(public_key). With it the module waits until private hosts answer through a public one, else
        only for public hosts.
    type: path
  wait:
    description:
      - Whether to wait until hosts answer by SSH. The module waits in any case until EC2 says that they run.
    type: bool
    default: true
  nat:
    description:
      - Whether private hosts get a way out by a NAT gateway, which costs money as long as it exists.
    type: bool
    default: true
  elastic_ips:
    description:
      - Whether all public hosts get an address that stays when they are stopped. Hosts with public names always do.
    type: bool
    default: false
  instance_profile:
    description:
      - Name or ARN of an instance profile for all hosts, which must exist.
    type: str
    default: ""
  user_data:
    description:
      - A script or a cloud-init document that new hosts run at their first boot.
    type: str
    default: ""
  whereabouts_file:
    description:
      - File in which the region is written down. A later call in another region is refused, as it would find nothing.
    type: path
extends_documentation_fragment:
  - continuum.im.hosts
  - continuum.im.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
notes:
  - A host has one network interface. Which hosts reach each other is decided by security groups, one for each network.
  - EC2 does not forward ports. What a template maps to another port is reached at the port of the host.
seealso:
  - module: continuum.im.aws_hosts_info
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: Make a front end and two workers
  continuum.im.aws_hosts:
    region: eu-west-1
    infrastructure: slurm
    public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    networks:
      - name: private
    groups:
      - node: front
        instance_name: front
        count: 1
        public: true
        networks: [private]
        ports:
          - {protocol: tcp, first: 22, last: 22, target: 22}
      - node: worker
        instance_name: worker
        count: 2
        memory: 4294967296
        networks: [private]

- name: Remove all of it
  continuum.im.aws_hosts:
    region: eu-west-1
    infrastructure: slurm
    state: absent
"""

RETURN = r"""
created:
  description: Names of the hosts that were created.
  returned: success
  type: list
  elements: str
started:
  description: Names of the hosts that were there and were started.
  returned: success
  type: list
  elements: str
stopped:
  description: Names of the hosts that were stopped.
  returned: success
  type: list
  elements: str
rebooted:
  description: Names of the hosts that were rebooted.
  returned: success
  type: list
  elements: str
deleted:
  description: Names of the hosts that were removed.
  returned: success
  type: list
  elements: str
choices:
  description: Which images and instance types were chosen, and why.
  returned: success
  type: list
  elements: str
left:
  description:
    - What bears the tag of the infrastructure after O(state=absent).
    - Always empty, since the module fails otherwise.
  returned: success
  type: list
  elements: str
ansible_facts:
  description: The hosts as the contract of a cloud has them.
  returned: success
  type: dict
  contains:
    im_instances:
      description:
        - Hosts of the infrastructure in the order of their ids.
        - In check mode also those that would be created, with state C(planned).
      type: list
      elements: dict
    im_surplus:
      description: Hosts that are too many, when O(purge=false).
      type: list
      elements: dict
"""

from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.continuum.im.plugins.module_utils._aws.absent import absent
from ansible_collections.continuum.im.plugins.module_utils._aws.connect import connect
from ansible_collections.continuum.im.plugins.module_utils._aws.lifecycle import rebooted, started, stopped
from ansible_collections.continuum.im.plugins.module_utils._aws.present import present
from ansible_collections.continuum.im.plugins.module_utils._aws.request import Request
from ansible_collections.continuum.im.plugins.module_utils._aws.whereabouts import (
    alone,
    check_whereabouts,
    write_whereabouts,
)
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import (
    check_infrastructure,
    hosts_argument_spec,
    read_wanted,
)
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import Outcome

ACTIONS = {"present": present, "absent": absent, "started": started, "stopped": stopped, "rebooted": rebooted}


def argument_spec() -> dict[str, Any]:
    """Return the options of the module."""
    own = {
        "user": {"type": "str", "default": ""},
        "private_key_file": {"type": "path", "no_log": False},
        "wait": {"type": "bool", "default": True},
        "nat": {"type": "bool", "default": True},
        "elastic_ips": {"type": "bool", "default": False},
        "instance_profile": {"type": "str", "default": ""},
        "user_data": {"type": "str", "default": ""},
        "whereabouts_file": {"type": "path"},
    }
    return {**hosts_argument_spec(), **own}


def read_request(options: dict[str, Any], check: bool) -> Request:
    """Return the options of the module, checked; raises HostsError."""
    common: dict[str, Any] = {
        "infrastructure": check_infrastructure(options["infrastructure"]),
        "private_key_file": options["private_key_file"] or "",
        "timeout": options["timeout"],
        "wait": options["wait"],
        "hosts": tuple(options["hosts"]),
        "check": check,
    }
    if options["state"] != "present":
        return Request(**common)
    return Request(
        **common,
        **read_wanted(options),
        nat=options["nat"],
        elastic_ips=options["elastic_ips"],
        instance_profile=options["instance_profile"],
        user_data=options["user_data"],
        last_id=options["last_id"],
    )


def run(module: AnsibleAWSModule, request: Request) -> Outcome:
    """Do what the module was asked for, once at a time. Raises HostsError."""
    whereabouts = module.params["whereabouts_file"]
    cloud = connect(module)
    with alone(whereabouts, request):
        check_whereabouts(whereabouts, request.infrastructure, cloud.region)
        if module.params["state"] == "present" and not request.check:
            write_whereabouts(whereabouts, cloud.region)
        outcome: Outcome = ACTIONS[module.params["state"]](cloud, request)
    return outcome


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec=argument_spec(),
        required_if=[("state", "present", ("public_key",))],
        supports_check_mode=True,
    )
    try:
        request = read_request(module.params, module.check_mode)
        outcome = run(module, request)
    except HostsError as error:
        module.fail_json(msg=str(error))
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**outcome.as_result())


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that exist already."""

from __future__ import annotations

DOCUMENTATION = r"""
module: static_hosts
short_description: Take and give back hosts that exist already
description:
  - Matches the groups of an infrastructure with hosts that are given by address, in one call for all of them.
  - A host that is taken gets the public key of the infrastructure for its login user, and a mark in
    C(/var/lib/continuum-static.json). A host with the mark of another infrastructure is never taken.
  - Hosts are never made or deleted. What is given back keeps the software that was installed on it.
options:
  state:
    description:
      - With V(present) as many hosts are taken as O(groups) or O(instances) want, and the others are given back.
      - With V(absent) all hosts of the infrastructure are given back.
      - With V(rebooted) its hosts, or those in O(hosts), are restarted.
    type: str
    choices: [present, absent, rebooted]
    default: present
  hosts:
    description:
      - Which hosts are restarted, by name, host name, number, address or id in the cloud. By default all.
    type: list
    elements: str
    default: []
  offered:
    description:
      - The hosts that may be used, in the order in which they are taken. Each is an address, or a mapping.
      - Keys of a mapping are C(address), C(user), C(port), C(private_ip), C(public_ip), C(node) (the node of the
        template that the host is for), C(name) and C(private_key_file).
      - Hosts that the infrastructure has already need not be given again.
    type: list
    elements: raw
    default: []
  hosts_file:
    description:
      - A file with such hosts beside those of O(offered), a list in YAML or an inventory of Ansible in YAML or INI.
      - It is read as data. Nothing in it is run, and no templates in it are evaluated.
    type: path
  folder:
    description:
      - Folder of the controller with the key pair of the infrastructure. The record of its hosts is kept there too.
    type: path
    required: true
  user:
    description:
      - Login user of hosts that name none. By default the one that SSH takes.
    type: str
    default: ""
  private_key_file:
    description:
      - Private key for the first login to hosts that name none. By default the agent and the usual files of SSH.
    type: path
  forget_unreachable:
    description:
      - Whether hosts that do not answer are given up. Our key and our mark stay on them.
    type: bool
    default: false
extends_documentation_fragment:
  - continuum.im.hosts
  - continuum.im.attributes
notes:
  - The login user must be root, or become root by C(sudo) without a password.
seealso:
  - module: continuum.im.static_hosts_info
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: Take a front end and a worker
  continuum.im.static_hosts:
    infrastructure: slurm
    folder: "{{ lookup('ansible.builtin.env', 'HOME') }}/.continuum/keys/slurm"
    public_key: "{{ lookup('ansible.builtin.file', '~/.continuum/keys/slurm/id_ed25519.pub') }}"
    offered:
      - {address: 192.0.2.10, user: debian, public_ip: 198.51.100.10}
      - {address: 192.0.2.11, user: debian}
    groups:
      - {node: front, instance_name: front, count: 1, public: true}
      - {node: worker, instance_name: worker, count: 1}

- name: Give all of them back
  continuum.im.static_hosts:
    infrastructure: slurm
    folder: "{{ lookup('ansible.builtin.env', 'HOME') }}/.continuum/keys/slurm"
    state: absent
"""

RETURN = r"""
created:
  description: Names of the hosts that were taken.
  returned: success
  type: list
  elements: str
deleted:
  description: Names of the hosts that were given back.
  returned: success
  type: list
  elements: str
rebooted:
  description: Names of the hosts that were restarted.
  returned: success
  type: list
  elements: str
left:
  description:
    - Where our key or mark is left after O(state=absent).
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
        - In check mode also those that would be taken, without an id in the cloud.
      type: list
      elements: dict
    im_surplus:
      description: Hosts that are too many, when O(purge=false).
      type: list
      elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import (
    check_infrastructure,
    hosts_argument_spec,
    read_wanted,
)
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import Outcome
from ansible_collections.continuum.im.plugins.module_utils._static.absent import absent, rebooted
from ansible_collections.continuum.im.plugins.module_utils._static.options import offer_spec, read_offer
from ansible_collections.continuum.im.plugins.module_utils._static.present import present
from ansible_collections.continuum.im.plugins.module_utils._static.seen import Request

ACTIONS = {"present": present, "absent": absent, "rebooted": rebooted}


def argument_spec() -> dict[str, Any]:
    """Return the options of the module."""
    own = {
        "state": {"type": "str", "choices": list(ACTIONS), "default": "present"},
        "forget_unreachable": {"type": "bool", "default": False},
    }
    return {**hosts_argument_spec(), **offer_spec(), **own}


def read_request(options: dict[str, Any], check: bool) -> Request:
    """Return the options of the module, checked; raises HostsError."""
    wanted = read_wanted(options) if options["state"] == "present" else {}
    return Request(
        infrastructure=check_infrastructure(options["infrastructure"]),
        **{**wanted, **read_offer(options)},
        timeout=options["timeout"],
        forget_unreachable=options["forget_unreachable"],
        hosts=tuple(options["hosts"]),
        last_id=options["last_id"],
        check=check,
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", "present", ("public_key",))],
        supports_check_mode=True,
    )
    try:
        request = read_request(module.params, module.check_mode)
        outcome: Outcome = ACTIONS[module.params["state"]](request)
    except HostsError as error:
        module.fail_json(msg=str(error))
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**outcome.as_result())


if __name__ == "__main__":
    main()

#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on OpenStack."""

from __future__ import annotations

DOCUMENTATION = r"""
module: openstack_hosts
short_description: Manage the hosts of an infrastructure on OpenStack
description:
  - Converges all hosts of an infrastructure in one call, with what they need - networks, router, security groups, key
    pair, ports, volumes and floating IPs.
  - What exists is found by metadata, tags and names, so there is no state to keep or to lose. Ids of hosts are never
    used twice.
  - A call whose answer is lost, or a run that is killed, makes no twin. The next run goes on where it stopped.
  - The quota of the project is read before anything is made. Hosts are made several at a time.
options:
  state:
    description:
      - With V(present) the hosts are as O(groups) or O(instances) want them, and they run.
      - With V(absent) everything of the infrastructure is removed.
      - With V(started), V(stopped) and V(rebooted) its hosts, or those in O(hosts), are started, stopped or rebooted.
      - With V(snapshot) one host is kept as an image, which stays when the infrastructure goes.
    type: str
    choices: [present, absent, started, stopped, rebooted, snapshot]
    default: present
  hosts:
    description:
      - The hosts to start, stop, reboot or to make an image of, by their names or numbers.
      - By default all. O(state=snapshot) wants exactly one.
    type: list
    elements: str
    default: []
  snapshot:
    description:
      - Name of the image of O(state=snapshot). By default made of the host's name and the time.
    type: str
    default: ""
  user:
    description:
      - Login user of the hosts. By default the one that the image names, or that its distribution is known for.
    type: str
    default: ""
  private_key_file:
    description:
      - The private key of O(public_key). With it the module waits until private hosts answer through a public one, else
        only for public hosts.
    type: path
  wait:
    description:
      - Whether to wait until hosts answer by SSH. The module waits in any case until nova says that they run.
    type: bool
    default: true
  external_network:
    description:
      - Name or id of the external network of the router and of floating IPs. By default the only one that there is.
    type: str
    default: ""
  floating_ips:
    description:
      - Which public hosts get a floating IP. With V(auto) those whose fixed addresses the outside does not reach.
      - With V(never) the fixed address is taken for the public one.
    type: str
    choices: [auto, always, never]
    default: auto
  dns_servers:
    description:
      - Addresses of name servers for new subnets. By default those of the site.
    type: list
    elements: str
    default: []
  user_data:
    description:
      - A script or a cloud-init document that new hosts run at their first boot.
    type: str
    default: ""
  whereabouts_file:
    description:
      - File in which site and project are written down. A later call elsewhere is refused, as it would find nothing.
    type: path
extends_documentation_fragment:
  - continuum.im.hosts
  - continuum.im.attributes
  - continuum.im.openstack
notes:
  - Floating IPs do not forward ports. What a template maps to another port is reached at the port of the host.
seealso:
  - module: continuum.im.openstack_hosts_info
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: Make a front end and two workers
  continuum.im.openstack_hosts:
    cloud: mysite
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
  continuum.im.openstack_hosts:
    cloud: mysite
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
  description: Which images and flavors were chosen, and why.
  returned: success
  type: list
  elements: str
left:
  description:
    - What there is of the infrastructure after O(state=absent).
    - Always empty, since the module fails otherwise.
  returned: success
  type: list
  elements: str
image:
  description: The image of O(state=snapshot), as a template or the variable C(images) may name it. Else empty.
  returned: success
  type: str
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

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import (
    check_infrastructure,
    hosts_argument_spec,
    read_wanted,
)
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import Outcome
from ansible_collections.continuum.im.plugins.module_utils._openstack.absent import absent
from ansible_collections.continuum.im.plugins.module_utils._openstack.connect import auth_argument_spec, connect
from ansible_collections.continuum.im.plugins.module_utils._openstack.lifecycle import (
    rebooted,
    snapshot,
    started,
    stopped,
)
from ansible_collections.continuum.im.plugins.module_utils._openstack.present import present
from ansible_collections.continuum.im.plugins.module_utils._openstack.request import Request
from ansible_collections.continuum.im.plugins.module_utils._openstack.whereabouts import (
    alone,
    check_whereabouts,
    write_whereabouts,
)

ACTIONS = {
    "present": present,
    "absent": absent,
    "started": started,
    "stopped": stopped,
    "rebooted": rebooted,
    "snapshot": snapshot,
}


def argument_spec() -> dict[str, Any]:
    """Return the options of the module."""
    own = {
        "user": {"type": "str", "default": ""},
        "private_key_file": {"type": "path", "no_log": False},
        "wait": {"type": "bool", "default": True},
        "external_network": {"type": "str", "default": ""},
        "floating_ips": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
        "dns_servers": {"type": "list", "elements": "str", "default": []},
        "snapshot": {"type": "str", "default": ""},
        "user_data": {"type": "str", "default": ""},
        "whereabouts_file": {"type": "path"},
    }
    spec = {**hosts_argument_spec(), **auth_argument_spec(), **own}
    spec["state"] = {**spec["state"], "choices": list(ACTIONS)}
    return spec


def read_request(options: dict[str, Any], check: bool) -> Request:
    """Return the options of the module, checked; raises HostsError."""
    common: dict[str, Any] = {
        "infrastructure": check_infrastructure(options["infrastructure"]),
        "private_key_file": options["private_key_file"] or "",
        "timeout": options["timeout"],
        "wait": options["wait"],
        "hosts": tuple(options["hosts"]),
        "snapshot": options["snapshot"],
        "check": check,
    }
    if options["state"] != "present":
        return Request(**common)
    return Request(
        **common,
        **read_wanted(options),
        last_id=options.get("last_id", -1),
        external_network=options["external_network"],
        floating_ips=options["floating_ips"],
        dns_servers=tuple(options["dns_servers"]),
        user_data=options["user_data"],
    )


def run(options: dict[str, Any], request: Request) -> Outcome:
    """Do what the module was asked for, once at a time. Raises HostsError."""
    whereabouts = options["whereabouts_file"]
    cloud = connect(options)
    with alone(whereabouts, request):
        check_whereabouts(whereabouts, request.infrastructure, cloud.site)
        if options["state"] == "present" and not request.check:
            write_whereabouts(whereabouts, cloud.site)
        outcome: Outcome = ACTIONS[options["state"]](cloud, request)
    return outcome


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=argument_spec(),
        required_if=[("state", "present", ("public_key",))],
        supports_check_mode=True,
    )
    try:
        request = read_request(module.params, module.check_mode)
        outcome = run(module.params, request)
    except HostsError as error:
        module.fail_json(msg=str(error))
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**outcome.as_result())


if __name__ == "__main__":
    main()

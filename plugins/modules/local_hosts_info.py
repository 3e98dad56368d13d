#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the local cloud has."""

from __future__ import annotations

DOCUMENTATION = r"""
module: local_hosts_info
short_description: List the hosts of an infrastructure in the local cloud
description:
  - Lists by label, changes nothing.
options:
  infrastructure:
    description:
      - Name of the infrastructure.
    type: str
    required: true
  engine:
    description:
      - The container engine. With V(auto) podman is taken where it works, else docker.
    type: str
    choices: [auto, podman, docker]
    default: auto
extends_documentation_fragment:
  - continuum.im.attributes.info
seealso:
  - module: continuum.im.local_hosts
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: List the hosts of an infrastructure
  continuum.im.local_hosts_info:
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
      description: Always empty; only M(continuum.im.local_hosts) knows what is wanted.
      type: list
      elements: dict
    im_last:
      description: The highest number that a host ever had, as far as it is known; -1 when there was none.
      type: int
resources:
  description: Everything that bears the label of the infrastructure, as kind and name.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import check_infrastructure
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import instances
from ansible_collections.continuum.im.plugins.module_utils._local.api import observe
from ansible_collections.continuum.im.plugins.module_utils._local.engine import EngineError, find_engine
from ansible_collections.continuum.im.plugins.module_utils._local.remove import names_of


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "infrastructure": {"type": "str", "required": True},
            "engine": {"type": "str", "choices": ["auto", "podman", "docker"], "default": "auto"},
        },
        supports_check_mode=True,
    )
    try:
        name = check_infrastructure(module.params["infrastructure"])
        observed = observe(find_engine(module.params["engine"]), name)
    except HostsError as error:
        module.fail_json(msg=str(error))
    except EngineError as error:
        module.fail_json(msg=f"The container engine of the local cloud failed: {error}.")
    facts = {"im_instances": instances(observed.hosts), "im_surplus": [], "im_last": observed.last}
    module.exit_json(changed=False, ansible_facts=facts, resources=sorted(names_of(observed)))


if __name__ == "__main__":
    main()

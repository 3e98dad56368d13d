#!/usr/bin/python
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of the local cloud."""

from __future__ import annotations

DOCUMENTATION = r"""
module: local_hosts
short_description: Manage the hosts of an infrastructure in the local cloud
description:
  - Converges all hosts of an infrastructure in one call.
  - Hosts are containers of podman or docker that boot systemd and an SSH server.
  - What exists is found by labels, so there is no state to keep or to lose. Ids of hosts are never used twice.
  - The first call on a machine makes an image, from a registry when one is in reach, else from the package sources of
    the machine with C(mmdebstrap). Later calls use it.
options:
  state:
    description:
      - With V(present) the hosts are as O(groups) or O(instances) want them, and they run.
      - With V(absent) everything of the infrastructure is removed.
      - With V(started) and V(stopped) its hosts are started or stopped, with V(rebooted) those that run are restarted.
      - With V(snapshot) one host is kept as an image.
    type: str
    choices: [present, absent, started, stopped, rebooted, snapshot]
    default: present
  hosts:
    description:
      - Which hosts are started, stopped, restarted or kept as an image, by name, host name, number or id in the cloud.
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
      - Login user of the hosts. By default C(debian) or C(ubuntu), as the distribution has it.
    type: str
    default: ""
  engine:
    description:
      - The container engine. With V(auto) podman is taken where it works, else docker.
    type: str
    choices: [auto, podman, docker]
    default: auto
  registry:
    description:
      - Registry of the distributions' images; used when the machine reaches it.
    type: str
    default: docker.io
  image_files:
    description:
      - Folder with the files that make a base image a host, C(files/image) of the role
        P(continuum.im.cloud_local#role).
      - Required when hosts are to be created.
    type: path
  publish_address:
    description:
      - Address of this machine on which ports of public hosts are published.
    type: str
    default: 127.0.0.1
extends_documentation_fragment:
  - continuum.im.hosts
  - continuum.im.attributes
notes:
  - The machine's C(fs.inotify.max_user_instances) is raised until its next restart when it is too low for the number
    of hosts.
  - Neither the configuration of podman nor that of docker is changed.
seealso:
  - module: continuum.im.local_hosts_info
author:
  - continuum.im authors (@continuum-im)
"""

EXAMPLES = r"""
- name: Make a front end and two workers
  continuum.im.local_hosts:
    infrastructure: slurm
    public_key: "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    image_files: "{{ role_path }}/files/image"
    networks:
      - name: private
    groups:
      - node: front
        instance_name: front
        count: 1
        public: true
        networks: [private]
        ports:
          - {protocol: tcp, first: 80, last: 80, target: 80}
      - node: worker
        instance_name: worker
        count: 2
        networks: [private]

- name: Show what is still left
  ansible.builtin.debug:
    var: ansible_facts.im_instances

- name: Restart one of the workers
  continuum.im.local_hosts:
    infrastructure: slurm
    state: rebooted
    hosts: [vnode-1]

- name: Remove all of it
  continuum.im.local_hosts:
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
  description: Names of the hosts that were restarted.
  returned: success
  type: list
  elements: str
image:
  description: The image of O(state=snapshot), as a template or the variable C(images) may name it. Else empty.
  returned: success
  type: str
deleted:
  description: Names of the hosts that were removed.
  returned: success
  type: list
  elements: str
left:
  description:
    - What bears the label of the infrastructure after O(state=absent).
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

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._hosts.options import (
    check_infrastructure,
    hosts_argument_spec,
    read_wanted,
)
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import Outcome
from ansible_collections.continuum.im.plugins.module_utils._local.engine import EngineError, find_engine
from ansible_collections.continuum.im.plugins.module_utils._local.lifecycle import absent, rebooted, started, stopped
from ansible_collections.continuum.im.plugins.module_utils._local.present import present
from ansible_collections.continuum.im.plugins.module_utils._local.request import Request
from ansible_collections.continuum.im.plugins.module_utils._local.snapshot import snapshot

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
        "state": {"type": "str", "choices": list(ACTIONS), "default": "present"},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "snapshot": {"type": "str", "default": ""},
        "user": {"type": "str", "default": ""},
        "engine": {"type": "str", "choices": ["auto", "podman", "docker"], "default": "auto"},
        "registry": {"type": "str", "default": "docker.io"},
        "image_files": {"type": "path"},
        "publish_address": {"type": "str", "default": "127.0.0.1"},
    }
    return {**hosts_argument_spec(), **own}


def read_request(options: dict[str, Any], check: bool) -> Request:
    """Return the options of the module, checked; raises HostsError."""
    infrastructure = check_infrastructure(options["infrastructure"])
    if options["state"] != "present":
        chosen = {"hosts": tuple(options["hosts"]), "snapshot": options["snapshot"]}
        return Request(infrastructure, timeout=options["timeout"], check=check, **chosen)
    return Request(
        infrastructure=infrastructure,
        **read_wanted(options),
        timeout=options["timeout"],
        registry=options["registry"],
        publish_address=options["publish_address"],
        last_id=options["last_id"],
        image_files=Path(options["image_files"] or "files/image"),
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
        outcome: Outcome = ACTIONS[module.params["state"]](find_engine(module.params["engine"]), request)
    except HostsError as error:
        module.fail_json(msg=str(error))
    except EngineError as error:
        module.fail_json(msg=f"The container engine of the local cloud failed: {error}.")
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(**outcome.as_result())


if __name__ == "__main__":
    main()

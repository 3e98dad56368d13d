#!/usr/bin/python
# Copyright: continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, packages, disks, files, services and facts of a host in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_config
short_description: Names, packages, disks, files, services and facts of a host in one call
description:
  - Brings a host's name, its C(/etc/hosts), packages, disks, files and systemd services into the wanted state, in this
    order.
  - One call instead of one for each file and each service. On clusters of small hosts the calls take the time.
author:
  - continuum.im authors (@continuum-im)
options:
  hostname:
    description: The host's name. Left alone when empty or right already.
    type: str
    default: ""
  hosts:
    description:
      - Lines that follow the original content of C(/etc/hosts), which is kept as C(/etc/hosts.orig).
      - The file is written in place, so that it may be a bind mount.
    type: str
  packages:
    description: Names of packages for apt or dnf. Recommended packages are not installed.
    type: list
    elements: str
    default: []
  packages_of:
    description:
      - More packages, as a mapping of roles to a mapping of OS families (lower case) to lists of packages.
      - A role that lacks the host's OS family is an error.
    type: dict
    default: {}
  version:
    description:
      - Version of those O(packages) that have the same version as O(version_of).
      - If no source of the host has it, the preferred version of the source is taken, with a warning.
    type: str
    default: ""
  version_of:
    description: Name of the package that O(version) is about. Empty for no warning.
    type: str
    default: ""
  disks:
    description:
      - Disks that a cloud attached. Each gets a file system when it is blank, a line in C(/etc/fstab), and is mounted.
      - A disk that has a file system is used as it is. One that holds anything else is an error.
      - What lies in the folder of a disk that is made now is copied to the disk first.
      - Disks of an earlier call that are not in the list lose their line and are unmounted. Without this option all
        stay as they are.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the disk, for messages and for the mark in C(/etc/fstab).
        type: str
        required: true
      paths:
        description: Where the device may appear. The first one that is there is taken, after at most 60 seconds.
        type: list
        elements: str
        required: true
      mount:
        description: Where it is mounted. Empty for a device that is only attached.
        type: str
        default: ""
      fs_type:
        description: The file system for a blank disk, V(swap) for swap space.
        type: str
        default: ext4
  facts:
    description: Return the facts about distribution, package manager, platform, default address and virtualization.
    type: bool
    default: false
  files:
    description: Files and directories. Missing parent directories are made with mode V(0755).
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      kind:
        description:
          - V(content), the file has exactly O(files[].content).
          - V(secret), the file has exactly what O(files[].secret) encodes. Its content is never shown.
          - V(contains), O(files[].content) stands somewhere in the file, or is put at its end. All else stays.
          - V(random), the file has O(files[].size) random bytes; made once, then left alone.
          - V(directory), it is a directory.
        type: str
        choices: [content, secret, contains, random, directory]
        default: content
      content:
        description: Text.
        type: str
        default: ""
      secret:
        description: Content in base64.
        type: str
        default: ""
      size:
        description: Number of bytes.
        type: int
        default: 1024
      owner:
        description: Name of the owning user.
        type: str
        default: root
      group:
        description: Name of the owning group. Empty for the main group of O(files[].owner).
        type: str
        default: ""
      mode:
        description: Octal mode, for example V("0644").
        type: str
        default: "0644"
  services:
    description: Systemd services, handled in this order after the files.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit, C(.service) may be left out.
        type: str
        required: true
      state:
        description: Whether it runs.
        type: str
        choices: [started, stopped]
        default: started
      enabled:
        description: Whether it starts with the host.
        type: bool
        default: true
      restart_on:
        description:
          - Paths of files. The service is restarted when one of them is younger than its main process.
          - So a run that broke off between writing and restarting is made good by the next one.
        type: list
        elements: path
        default: []
attributes:
  check_mode:
    description: Can run without changing anything.
    support: full
    details: Users and services that do not exist yet are taken for coming.
  diff_mode:
    description: Shows what would change or has changed.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Set up the time service
  continuum.im.host_config:
    files:
      - path: /etc/chrony/chrony.conf
        content: "{{ lookup('ansible.builtin.template', 'chrony.conf.j2') }}"
    services:
      - name: chrony
        restart_on: [/etc/chrony/chrony.conf]

- name: Mount a disk
  continuum.im.host_config:
    disks:
      - {name: data, paths: [/dev/sdf, /dev/xvdf], mount: /mnt/data, fs_type: ext4}
"""

RETURN = r"""
installed:
  description: Names of the packages that were installed.
  type: list
  elements: str
  returned: always
changed_files:
  description: Paths of the files that were changed.
  type: list
  elements: str
  returned: always
restarted:
  description: Names of the services that were started or restarted.
  type: list
  elements: str
  returned: always
"""

import functools
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.continuum.im.plugins.module_utils._host.config import HostConfig
from ansible_collections.continuum.im.plugins.module_utils._host.disks import Disks, wanted_packages
from ansible_collections.continuum.im.plugins.module_utils._host.packages import Apt, Dnf, os_family, package_names

FILE = {
    "path": {"type": "path", "required": True},
    "kind": {
        "type": "str",
        "choices": ["content", "secret", "contains", "random", "directory"],
        "default": "content",
    },
    "content": {"type": "str", "default": ""},
    "secret": {"type": "str", "default": "", "no_log": True},
    "size": {"type": "int", "default": 1024},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": ""},
    "mode": {"type": "str", "default": "0644"},
}
DISK = {
    "name": {"type": "str", "required": True},
    "paths": {"type": "list", "elements": "str", "required": True},
    "mount": {"type": "str", "default": ""},
    "fs_type": {"type": "str", "default": "ext4"},
}
SERVICE = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["started", "stopped"], "default": "started"},
    "enabled": {"type": "bool", "default": True},
    "restart_on": {"type": "list", "elements": "path", "default": []},
}


def _text_of(error: Exception) -> str:
    return str(error) or type(error).__name__


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "hostname": {"type": "str", "default": ""},
            "hosts": {"type": "str"},
            "packages": {"type": "list", "elements": "str", "default": []},
            "packages_of": {"type": "dict", "default": {}},
            "version": {"type": "str", "default": ""},
            "version_of": {"type": "str", "default": ""},
            "disks": {"type": "list", "elements": "dict", "options": DISK},
            "facts": {"type": "bool", "default": False},
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE},
            "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
        },
        supports_check_mode=True,
    )
    given = module.params
    run = functools.partial(module.run_command, handle_exceptions=False)
    host = HostConfig(run, module.check_mode)
    try:
        host.name(given["hostname"])
        if given["hosts"] is not None:
            host.hosts(given["hosts"])
        own = [*given["packages"], *wanted_packages(given["disks"] or [])]
        if own or given["packages_of"]:
            family = os_family()
            names = package_names(own, given["packages_of"], family)
            manager = Dnf(run) if family == "redhat" else Apt(run)
            host.packages(manager, names, given["version"], given["version_of"])
        if given["disks"] is not None:
            Disks(host).apply(given["disks"])
        for wanted in given["files"]:
            host.file(wanted)
        host.services(given["services"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=_text_of(error))
    for warning in host.warnings:
        module.warn(warning)
    result: dict[str, Any] = {
        "changed": host.changed,
        "installed": host.installed,
        "changed_files": host.changed_files,
        "restarted": host.restarted,
        "diff": host.diff,
    }
    if given["facts"]:
        # Imported here, since most calls do not need the collectors.
        from ansible_collections.continuum.im.plugins.module_utils._host.facts import gather

        result["ansible_facts"] = gather(module)
    module.exit_json(**result)


if __name__ == "__main__":
    main()

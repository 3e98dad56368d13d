# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the modules `<cloud>_hosts` have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """The contract of a cloud as options."""

    DOCUMENTATION = r"""
options:
  infrastructure:
    description:
      - Name of the infrastructure, the tag of all that belongs to it.
    type: str
    required: true
  state:
    description:
      - With V(present) the hosts are as O(groups) or O(instances) want them, and they run.
      - With V(absent) everything of the infrastructure is removed.
      - With V(started), V(stopped) and V(rebooted) its hosts, or those in O(hosts), are started, stopped or rebooted.
    type: str
    choices: [present, absent, started, stopped, rebooted]
    default: present
  hosts:
    description:
      - The hosts to start, stop or reboot, by their names or numbers. All when the list is empty.
    type: list
    elements: str
    default: []
  networks:
    description:
      - Networks of the infrastructure. Only those that a group uses are created.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the network, unique in the infrastructure.
        type: str
        required: true
      public:
        description: Whether the outside reaches hosts in this network.
        type: bool
        default: false
      cidr:
        description: Addresses of the network. By default a range that is free.
        type: str
      provider_id:
        description: Name of a network that the cloud has already; it is used and never removed.
        type: str
      gateway:
        description: A route, as a network and the group or address behind which it lies, with a comma between.
        type: str
        default: ""
      proxy:
        description:
          - The host through which hosts of this network are reached, with C(host), C(user), C(token_type) and
            C(token_variable), which is the environment variable that holds the password or key.
        type: dict
  groups:
    description:
      - Groups of equal hosts.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: Name of the group.
        type: str
        required: true
      instance_name:
        description: Prefix of the names of the hosts in the cloud.
        type: str
        required: true
      count:
        description: Number of hosts. Not used when O(instances) is given.
        type: int
        required: true
      remove:
        description: Ids of the hosts that go first when there are too many.
        type: list
        elements: int
        default: []
      hostname:
        description: Short name of the hosts; C(#N#) stands for the id.
        type: str
        default: "vnode-#N#"
      domain:
        description: Domain of the hosts' full names.
        type: str
        default: localdomain
      public:
        description: Whether the outside reaches the hosts.
        type: bool
        default: false
      cpus:
        description: Number of CPUs.
        type: float
        default: 1.0
      memory:
        description: Memory in bytes.
        type: int
        default: 0
      disk:
        description: Size of the system disk in bytes, V(0) as the image has it.
        type: int
        default: 0
      instance_type:
        description: Name of the size in the cloud, if it must be that one.
        type: str
        default: ""
      image:
        description: Name of the image. By default it is chosen by O(groups[].distribution) and O(groups[].version).
        type: str
        default: ""
      distribution:
        description: Linux distribution of the image.
        type: str
        default: ""
      version:
        description: Version of the distribution.
        type: str
        default: ""
      architecture:
        description: Architecture of the image.
        type: str
        default: ""
      networks:
        description: Names of the networks that the hosts are in, interface 0 first. By default the first of all.
        type: list
        elements: str
        default: []
      ports:
        description: What the outside may reach on public hosts.
        type: list
        elements: dict
        default: []
        suboptions:
          protocol:
            description: Protocol, such as V(tcp) or V(udp).
            type: str
            default: tcp
          first:
            description: First port that the outside sees.
            type: int
            required: true
          last:
            description: Last port that the outside sees.
            type: int
            required: true
          target:
            description: Port of the host that O(groups[].ports[].first) leads to.
            type: int
            required: true
          remote_cidr:
            description: Who may reach the ports; everybody by default.
            type: str
      volumes:
        description: Volumes that each host of the group has.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the volume, unique in the group.
            type: str
            required: true
          size:
            description: Size in bytes.
            type: int
            default: 0
          volume_id:
            description: Name of a volume that the cloud has already; it is used and never removed.
            type: str
            default: ""
          type:
            description: Kind of storage.
            type: str
            default: ""
          device:
            description: Name of the device that the template wishes.
            type: str
            default: ""
          mount:
            description: Folder where the volume is mounted; by default it is not.
            type: str
            default: ""
          fs_type:
            description: File system of the volume.
            type: str
            default: ext4
      shares:
        description: Folders that all hosts that name them see in common.
        type: list
        elements: str
        default: []
      tags:
        description: Further tags of the hosts; names that begin with C(im_) are ours.
        type: dict
        default: {}
      dns_names:
        description: Public DNS names of the hosts.
        type: list
        elements: str
        default: []
      num_gpus:
        description: GPUs of a host, at least.
        type: int
        default: 0
      gpu_vendor:
        description: Vendor of the GPUs, empty for any.
        type: str
        default: ""
      gpu_model:
        description: Model of the GPUs, empty for any.
        type: str
        default: ""
      preemptible:
        description: Whether the cloud may take the hosts away again (spot instances).
        type: bool
        default: false
      disk_type:
        description: Type of the root disk.
        type: str
        default: ""
      cloud_id:
        description: Which of the user's accounts, where there are several.
        type: str
        default: ""
      availability_zone:
        description: Where in the cloud.
        type: str
        default: ""
      addresses:
        description: Fixed addresses by network, for groups of one host.
        type: dict
        default: {}
      additional_ips:
        description: Further addresses of the first interface.
        type: list
        elements: str
        default: []
  instances:
    description:
      - The exact list of hosts, instead of the count of the groups.
    type: list
    elements: dict
    suboptions:
      id:
        description: Number of the host, unique in the infrastructure.
        type: int
        required: true
      node:
        description: Group of the host.
        type: str
        required: true
      cpus:
        description: Number of CPUs of this one host, when it differs from that of its group.
        type: float
      memory:
        description: Memory of this one host in bytes.
        type: int
      instance_type:
        description: Name of the size of this one host in the cloud, if it must be that one; V("") for any that fits.
        type: str
  purge:
    description:
      - Whether hosts that are too many are removed. If not, they are returned in C(im_surplus).
    type: bool
    default: true
  public_key:
    description:
      - The key that opens the hosts, one line in the form of OpenSSH. Required with O(state=present).
    type: str
  timeout:
    description:
      - How many seconds to wait until all new and all started hosts answer by SSH.
    type: int
    default: 120
  last_id:
    description:
      - The highest number that hosts of the infrastructure have on other clouds. New hosts get higher ones.
    type: int
    default: -1
"""

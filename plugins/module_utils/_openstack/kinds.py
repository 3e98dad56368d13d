# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of resources on OpenStack, how they are listed, and how what is ours is told from the rest.

Servers and volumes have metadata. What neutron has bears the mark as its description from the moment it is made, and as
a tag for everybody else to see. Key pairs and server groups have nothing but a name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Resource = Mapping[str, Any]

# Keys of metadata, and of tags in the form key=value. The first is on everything.
INFRASTRUCTURE = "im_infrastructure"
NODE = "im_node"
INSTANCE = "im_instance"
FQDN = "im_fqdn"
USER = "im_user"
SIZE = "im_size"  # what was asked for, so that another wish is seen
FLAVOR = "im_flavor"  # the name of the flavor
HAS = "im_has"  # what the flavor has: vCPUs and bytes of memory
KEY = "im_key"  # which public key opens the host
NETWORKS = "im_networks"  # names of the networks, interface 0 first
PUBLIC = "im_public"  # the network whose fixed address the outside reaches
DISK = "im_disk."  # and a number: name, folder, file system and id of a volume
VOLUME = "im_volume"  # on volumes: the name in the template
LAST = "im_last"  # the highest number ever used, a tag of a security group
REUSED = "im_reused"  # a tag of floating IPs that were there before: they are given back, not removed
SOURCE = "im_source"  # on images: the host that it was made of. They stay when the infrastructure goes.

ROOT = "root"  # im_volume of root disks
COMPUTE, NETWORK, IMAGE, STORAGE = "compute", "network", "image", "block-storage"


@dataclass(frozen=True)
class Kind:
    """How a kind of resource is listed and deleted.

    `name` is for people, `path` where single ones are, `key` the word for several of them in answers, `one` for one.
    `optional`: sites may not have it.
    """

    name: str
    service: str
    path: str
    key: str
    one: str
    list: str = ""
    query: str = ""
    optional: bool = False

    @property
    def list_path(self) -> str:
        """Return where all of them are listed."""
        return self.list or self.path


SERVERS = Kind("host", COMPUTE, "/servers", "servers", "server", list="/servers/detail")
FLOATING_IPS = Kind("floating IP", NETWORK, "/floatingips", "floatingips", "floatingip", query="own", optional=True)
PORTS = Kind("port", NETWORK, "/ports", "ports", "port", query="own")
VOLUMES = Kind("volume", STORAGE, "/volumes", "volumes", "volume", list="/volumes/detail", optional=True)
ROUTERS = Kind("router", NETWORK, "/routers", "routers", "router", query="own", optional=True)
SUBNETS = Kind("subnet", NETWORK, "/subnets", "subnets", "subnet")
NETS = Kind("network", NETWORK, "/networks", "networks", "network")
GROUPS = Kind("security group", NETWORK, "/security-groups", "security_groups", "security_group", query="own")
SERVER_GROUPS = Kind("server group", COMPUTE, "/os-server-groups", "server_groups", "server_group", optional=True)
KEYS = Kind("key pair", COMPUTE, "/os-keypairs", "keypairs", "keypair")

# In the order in which they can be deleted.
ALL = (SERVERS, FLOATING_IPS, PORTS, VOLUMES, ROUTERS, SUBNETS, NETS, GROUPS, SERVER_GROUPS, KEYS)


def mark(infrastructure: str) -> str:
    """Return the tag, and the description, of what belongs to an infrastructure."""
    return f"{INFRASTRUCTURE}={infrastructure}"


def part_name(infrastructure: str, part: str) -> str:
    """Return the name of a part. No infrastructure has a dot in its name, so the names of one are not another's."""
    return f"im-{infrastructure}.{part}"[:255]


def key_name(infrastructure: str) -> str:
    """Return the name of the key pair of an infrastructure."""
    return f"im-{infrastructure}"


def part_of(infrastructure: str, item: Resource) -> str:
    """Return which part of an infrastructure a resource is, "" for none."""
    name, prefix = str(item.get("name") or ""), f"im-{infrastructure}."
    return name.removeprefix(prefix) if name.startswith(prefix) else ""


def is_ours(kind: Kind, item: Resource, infrastructure: str) -> bool:
    """Tell whether a resource belongs to an infrastructure."""
    if kind in (SERVERS, VOLUMES):
        return bool((item.get("metadata") or {}).get(INFRASTRUCTURE) == infrastructure)
    if kind is SERVER_GROUPS:
        return bool(part_of(infrastructure, item))
    if kind is KEYS:
        return bool(item["name"] == key_name(infrastructure))
    return item.get("description") == mark(infrastructure) or mark(infrastructure) in (item.get("tags") or [])


def narrow(kind: Kind, infrastructure: str) -> dict[str, str]:
    """Return the query that lets a service leave out what is not of an infrastructure, {} where it would lose some.

    Servers are found by the name that they are made with. Descriptions and tags of neutron may be changed by people,
    and either of them will do for us: no query asks for one or the other.
    """
    if kind is SERVERS:
        return {"name": f"^{infrastructure}-"}
    if kind is VOLUMES:
        return {"metadata": json.dumps({INFRASTRUCTURE: infrastructure})}
    return {}


def is_renamed(server: Resource, infrastructure: str) -> bool:
    """Tell whether `narrow` does not find a server, since somebody gave it another name."""
    return not str(server.get("name") or "").startswith(f"{infrastructure}-")


def tags_of(item: Resource) -> dict[str, str]:
    """Return the tags of the form key=value as a mapping."""
    return dict(tag.split("=", 1) for tag in item.get("tags") or [] if "=" in tag)


def metadata_of(item: Resource) -> dict[str, str]:
    """Return the metadata of a server or a volume."""
    return dict(item.get("metadata") or {})


def id_of(kind: Kind, item: Resource) -> str:
    """Return what a resource is named by in paths."""
    return str(item["name"] if kind is KEYS else item["id"])

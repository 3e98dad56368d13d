# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the `<cloud>_hosts` modules share, and the way from them to the words of the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .model import DEFAULT_NETWORK, Group, HostsError, Network, Port, Slot, Volume

INFRASTRUCTURE = re.compile(r"[a-z][a-z0-9-]{0,39}")
NODE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.|$)){1,20}")
TAG_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,62}")
PATH = re.compile(r"/[^\x00-\x1f:,\x7f]{0,400}")
KEY = re.compile(r"[a-z0-9@.-]{3,60} [A-Za-z0-9+/=]{16,}( [^\x00-\x1f\x7f]*)?")

_PORT = {
    "protocol": {"type": "str", "default": "tcp"},
    "first": {"type": "int", "required": True},
    "last": {"type": "int", "required": True},
    "target": {"type": "int", "required": True},
    "remote_cidr": {"type": "str"},
}
_VOLUME = {
    "name": {"type": "str", "required": True},
    "size": {"type": "int", "default": 0},
    "volume_id": {"type": "str", "default": ""},
    "type": {"type": "str", "default": ""},
    "device": {"type": "str", "default": ""},
    "mount": {"type": "str", "default": ""},
    "fs_type": {"type": "str", "default": "ext4"},
}
_NETWORK = {
    "name": {"type": "str", "required": True},
    "public": {"type": "bool", "default": False},
    "cidr": {"type": "str"},
    "provider_id": {"type": "str"},
    "gateway": {"type": "str", "default": ""},
    "proxy": {"type": "dict"},
}
_GROUP = {
    "node": {"type": "str", "required": True},
    "instance_name": {"type": "str", "required": True},
    "count": {"type": "int", "required": True},
    "remove": {"type": "list", "elements": "int", "default": []},
    "hostname": {"type": "str", "default": "vnode-#N#"},
    "domain": {"type": "str", "default": "localdomain"},
    "public": {"type": "bool", "default": False},
    "cpus": {"type": "float", "default": 1.0},
    "memory": {"type": "int", "default": 0},
    "disk": {"type": "int", "default": 0},
    "instance_type": {"type": "str", "default": ""},
    "image": {"type": "str", "default": ""},
    "distribution": {"type": "str", "default": ""},
    "version": {"type": "str", "default": ""},
    "architecture": {"type": "str", "default": ""},
    "networks": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "dict", "default": [], "options": _PORT},
    "volumes": {"type": "list", "elements": "dict", "default": [], "options": _VOLUME},
    "shares": {"type": "list", "elements": "str", "default": []},
    "tags": {"type": "dict", "default": {}},
    "dns_names": {"type": "list", "elements": "str", "default": []},
    "num_gpus": {"type": "int", "default": 0},
    "gpu_vendor": {"type": "str", "default": ""},
    "gpu_model": {"type": "str", "default": ""},
    "preemptible": {"type": "bool", "default": False},
    "disk_type": {"type": "str", "default": ""},
    "cloud_id": {"type": "str", "default": ""},
    "availability_zone": {"type": "str", "default": ""},
    "addresses": {"type": "dict", "default": {}},
    "additional_ips": {"type": "list", "elements": "str", "default": []},
}
_SLOT = {
    "id": {"type": "int", "required": True},
    "node": {"type": "str", "required": True},
    "cpus": {"type": "float"},
    "memory": {"type": "int"},
    "instance_type": {"type": "str"},
}


def hosts_argument_spec() -> dict[str, Any]:
    """Return the argument specification that every `<cloud>_hosts` module starts from."""
    return {
        "infrastructure": {"type": "str", "required": True},
        "state": {
            "type": "str",
            "choices": ["present", "absent", "started", "stopped", "rebooted"],
            "default": "present",
        },
        "networks": {"type": "list", "elements": "dict", "default": [], "options": _NETWORK},
        "groups": {"type": "list", "elements": "dict", "default": [], "options": _GROUP},
        "instances": {"type": "list", "elements": "dict", "options": _SLOT},
        "purge": {"type": "bool", "default": True},
        "hosts": {"type": "list", "elements": "str", "default": []},
        "public_key": {"type": "str", "no_log": False},
        "timeout": {"type": "int", "default": 120},
        "last_id": {"type": "int", "default": -1},
    }


def check_infrastructure(name: str) -> str:
    """Return the name of an infrastructure; raises HostsError when it is not one."""
    return _checked(INFRASTRUCTURE, name, "infrastructure", "small letters, digits and dashes, at most 40")


def read_networks(items: list[Mapping[str, Any]]) -> tuple[Network, ...]:
    """Return the networks of the option `networks`; raises HostsError when a name is used twice."""
    networks = tuple(Network(**item) for item in items)
    for network in networks:
        _checked(NODE, network.name, "network", "letters, digits, dots, dashes and underscores")
    _once([network.name for network in networks], "network")
    return networks


def read_groups(items: list[Mapping[str, Any]], networks: tuple[Network, ...]) -> tuple[Group, ...]:
    """Return the groups of the option `groups`, checked; raises HostsError naming what is wrong."""
    groups = tuple(_group(item) for item in items)
    _once([group.node for group in groups], "group")
    known = {network.name for network in networks}
    for group in groups:
        unknown = [name for name in group.networks if name not in known]
        if unknown:
            raise HostsError(f"Group {group.node} names the network {unknown[0]!r}, which does not exist.")
    return groups


def read_wanted(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what O(state=present) wants in any cloud, checked, by the names of the fields of a request.

    Raises HostsError.
    """
    networks = read_networks(options["networks"]) or (DEFAULT_NETWORK,)
    return {
        "networks": networks,
        "groups": read_groups(options["groups"], networks),
        "wanted": read_slots(options["instances"]),
        "purge": options["purge"],
        "public_key": read_public_key(options["public_key"]),
        "user": options["user"],
    }


def read_slots(items: list[Mapping[str, Any]] | None) -> tuple[Slot, ...] | None:
    """Return the exact list of wanted hosts, None when there is none."""
    return None if items is None else tuple(Slot(**item) for item in items)


def read_public_key(text: str | None) -> str:
    """Return the public key without its line end; raises HostsError when it is not one line in the form of OpenSSH."""
    key = (text or "").strip()
    if not KEY.fullmatch(key):
        raise HostsError("public_key is not one line in the form of OpenSSH (type, key, comment).")
    return key


def host_name(group: Group, number: int) -> tuple[str, str]:
    """Return the host's short and full name; raises HostsError when the template's text makes no valid name."""
    name = group.hostname.replace("#N#", str(number))
    _checked(LABEL, name, f"host name of group {group.node}", "letters, digits and dashes, at most 63")
    return name, f"{name}.{group.domain}" if group.domain else name


def slug(text: str) -> str:
    """Return `text` as part of a resource's name: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40].rstrip("-") or "x"


def _group(item: Mapping[str, Any]) -> Group:
    simple = {
        **item,
        "remove": tuple(item["remove"]),
        "networks": tuple(item["networks"]),
        "dns_names": tuple(item["dns_names"]),
        "additional_ips": tuple(item["additional_ips"]),
    }
    simple["ports"] = tuple(Port(**port) for port in item["ports"])
    simple["volumes"] = tuple(Volume(**volume) for volume in item["volumes"])
    simple["shares"] = tuple(dict.fromkeys(path.rstrip("/") or "/" for path in item["shares"]))
    simple["tags"] = {str(key): str(value) for key, value in item["tags"].items()}
    group = Group(**simple)
    _check_group(group)
    return group


def _check_group(group: Group) -> None:
    _checked(NODE, group.node, "group", "letters, digits, dots, dashes and underscores")
    if group.count < 0:
        raise HostsError(f"Group {group.node} wants {group.count} hosts.")
    if group.domain:
        _checked(DOMAIN, group.domain, f"domain of group {group.node}", "letters, digits, dashes and dots")
    host_name(group, 0)
    for path in [*group.shares, *(volume.mount for volume in group.volumes if volume.mount)]:
        if not PATH.fullmatch(path) or ".." in path.split("/") or path.strip("/") == "":
            raise HostsError(f"Group {group.node} wants to mount something at {path!r}, which is not a folder's path.")
    for key, value in group.tags.items():
        if key.startswith("im_") or not TAG_KEY.fullmatch(key) or not value.isprintable() or len(value) > 256:
            raise HostsError(f"Group {group.node} has a tag {key!r} that cannot be used.")
    for port in group.ports:
        if not (
            0 < port.first <= port.last < 65536 and 0 < port.target <= port.target + port.last - port.first < 65536
        ):
            raise HostsError(f"Group {group.node} has ports {port.first}-{port.last}, which are not valid.")


def _checked(pattern: re.Pattern[str], text: str, what: str, allowed: str) -> str:
    if not pattern.fullmatch(text):
        raise HostsError(f"{text!r} is not a valid {what}.", f"use {allowed}.")
    return text


def _once(names: list[str], what: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise HostsError(f"There are two definitions of the {what} {twice[0]!r}.")

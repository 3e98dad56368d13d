# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plays of a project know about each host: its inventory entry and the names of all the others."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from .._parse.expressions import Leaving, decode
from .._topology.model import group_word
from .evaluate import Instance, describe_node, private_address

Step = dict[str, Any]
# A booting host refuses connections for a while: ssh itself tries again, once a second.
_PATIENCE = {"ConnectionAttempts": "30", "ConnectTimeout": "10"}


def inventory_hosts(
    instances: list[Instance], surplus: list[Instance], steps: list[Step], cloud: str, key_file: str
) -> list[dict[str, Any]]:
    """Return one entry a host, `{name, groups, im_node, ansible_host, ...}`, front ends first.

    `surplus` hosts are only in the group `im_surplus`. The first host that is running is in `im_first`: it keeps the
    record. Hosts that run a step of the phase leave for a group of the surplus are in `im_leave_<node>`.
    """
    ordered = sorted(instances, key=lambda item: int(item["id"]))
    keeper = next((item["name"] for item in ordered if is_reachable(item)), None)
    result = []
    for item in ordered:
        groups = [item["node"], "im_hosts", "allnowindows"]
        if item["name"] == keeper:
            groups.append("im_first")
        if not item.get("fresh"):
            groups.extend(f"im_leave_{group_word(step['node'])}" for step in _leave_steps(item, surplus, steps))
        result.append(_entry(item, groups, cloud, key_file))
    return result + [_entry(item, ["im_surplus"], cloud, key_file) for item in surplus]


def is_reachable(instance: Instance) -> bool:
    """False for a host that is stopped, or that only a plan (check mode) knows."""
    return instance.get("state") == "running"


def hosts_file(instances: list[Instance]) -> str:
    """Return the lines of /etc/hosts for all hosts.

    A name that a host asked for comes first, so that reverse look-ups give it; every host also answers to its
    numbered name.
    """
    lines = []
    for item in sorted(instances, key=lambda entry: int(entry["id"])):
        names = [item["fqdn"], item["hostname"]]
        numbered = f"vnode-{item['id']}"
        if item["hostname"] != numbered:
            names += [f"{numbered}.localdomain", numbered]
        lines.append(f"{private_address(item)} {' '.join(names)}")
    return "\n".join(lines) + "\n"


def ssh_config(instances: list[Instance], key_file: str) -> str:
    """Return an OpenSSH client configuration for all hosts.

    By their name in the cloud, their own names and their private address: recipes delegate to any of those.
    """
    lines = []
    for item in sorted(instances, key=lambda entry: int(entry["id"])):
        own = [item["name"], item["hostname"], f"vnode-{item['id']}", item["fqdn"], f"vnode-{item['id']}.localdomain"]
        names = dict.fromkeys([*own, str(private_address(item))])
        lines.append(f"Host {' '.join(names)}")
        options = {
            "HostName": _address(item),
            "User": item.get("user"),
            "IdentityFile": key_file,
            **_host_key(item, key_file),
        }
        lines += [f"    {name} {value}" for name, value in options.items()]
    return "\n".join(lines) + "\n"


def _leave_steps(item: Instance, surplus: list[Instance], steps: list[Step]) -> list[Step]:
    leaving = {entry["node"] for entry in surplus}
    return [
        step for step in steps if step["phase"] == "leave" and step["group"] == item["node"] and leaving & _served(step)
    ]


def _served(step: Step) -> set[str]:
    """The groups that a leave step waits for: those in its `lrms_leaving` inputs."""
    return {group for value in decode(step["inputs"]).values() if isinstance(value, Leaving) for group in value.groups}


def _entry(item: Instance, groups: list[str], cloud: str, key_file: str) -> dict[str, Any]:
    options = {**_host_key(item, key_file), **_PATIENCE}
    control = hashlib.sha256(options["HostKeyAlias"].encode()).hexdigest()[:16]
    return {
        "name": item["name"],
        "groups": groups,
        "address": _address(item),
        "user": item.get("user"),
        "ssh": " ".join(f"-o {name}={value}" for name, value in options.items()),
        # A path of its own for each machine: a kept connection must not outlive a host whose address is used again.
        "control": f"%(directory)s/{control}",
        "im_node": describe_node(item),
        "im_shares": item.get("shares") or [],
        "private_ip": private_address(item),
        "public_ip": item.get("public_ip"),
        "hostname": item["hostname"],
        "domain": item["fqdn"].partition(".")[2],
        "fqdn": item["fqdn"],
        "number": item["id"],
        "cloud_id": item["cloud_id"],
        "cloud": cloud,
    }


def _address(item: Instance) -> Any:
    return item.get("public_ip") or item.get("private_ip")


def _host_key(item: Instance, key_file: str) -> dict[str, str]:
    """The host key is kept by the machine's id in the cloud: another machine may get its address later."""
    alias = re.sub(r"[^A-Za-z0-9_.-]", "-", str(item.get("cloud_id") or item["name"]))[:64]
    known_hosts = f"{key_file.rpartition('/')[0]}/known_hosts"
    return {"UserKnownHostsFile": known_hosts, "HostKeyAlias": alias, "StrictHostKeyChecking": "accept-new"}

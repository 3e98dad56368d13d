# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plays of a project know about each host: its inventory entry and the names of all the others."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping
from typing import Any

from .._parse.expressions import Leaving, decode
from .._topology.model import group_word
from .evaluate import Instance, describe_node, private_address

Step = dict[str, Any]
# A booting host refuses connections for a while: ssh itself tries again, once a second.
_PATIENCE = {"ConnectionAttempts": "30", "ConnectTimeout": "10"}
# Behind a jump host it cannot know that: Ansible tries again, after 1, 3, 7, 15, 30, 30, 30 and 30 seconds.
_JUMP_RETRIES = 8
# A Unix socket has a path of at most 107 characters, and ssh adds 17 while it makes one.
_MOST_SOCKET_PATH = 88


def inventory_hosts(
    instances: list[Instance],
    surplus: list[Instance],
    steps: list[Step],
    cloud: str,
    key_file: str,
    configures: bool = True,
) -> list[dict[str, Any]]:
    """Return one entry a host, `{name, groups, im_node, ansible_host, ...}`, front ends first.

    `surplus` hosts are only in the group `im_surplus`. The first host that is running is in `im_first`: it keeps the
    record; without it, unless this run `configures`, nothing is configured. Hosts that run a step of the phase leave
    for a group of the surplus are in `im_leave_<node>`.
    """
    jumps = {item["name"]: item for item in (*instances, *surplus)}
    ordered = sorted(instances, key=lambda item: int(item["id"]))
    keeper = next((item["name"] for item in ordered if configures and is_reachable(item)), None)
    result = []
    for item in ordered:
        groups = [item["node"], "im_hosts", "allnowindows"]
        if item["name"] == keeper:
            groups.append("im_first")
        if not item.get("fresh"):
            groups.extend(f"im_leave_{group_word(step['node'])}" for step in _leave_steps(item, surplus, steps))
        result.append(_entry(item, groups, cloud, key_file, jumps))
    return result + [_entry(item, ["im_surplus"], cloud, key_file, jumps) for item in surplus]


def is_reachable(instance: Instance) -> bool:
    """False for a host that is stopped, or that only a plan (check mode) knows."""
    return instance.get("state") == "running"


def host_address(instance: Instance) -> Any:
    """Return the address at which the controller, or the host's jump host, reaches a host."""
    return instance.get("ssh_address") or instance.get("public_ip") or instance.get("private_ip")


def ssh_port(instance: Instance) -> int:
    """Return the port at which the SSH server of a host listens."""
    return int(instance.get("ssh_port") or 22)


def hosts_files(instances: list[Instance], cloud: str = "") -> dict[str, str]:
    """Return the lines of /etc/hosts by the cloud whose hosts get them; `cloud` is that of hosts which do not say.

    Private networks end at the border of a cloud: hosts of another one are known by their public address.
    """
    return {name: _hosts_file(instances, name, cloud) for name in {item.get("cloud") or cloud for item in instances}}


def _hosts_file(instances: list[Instance], there: str, cloud: str) -> str:
    """A name that a host asked for comes first, so that reverse look-ups give it; every host also answers to its
    numbered name."""
    lines = []
    for item in sorted(instances, key=lambda entry: int(entry["id"])):
        names = [item["fqdn"], item["hostname"]]
        numbered = f"vnode-{item['id']}"
        if item["hostname"] != numbered:
            names += [f"{numbered}.localdomain", numbered]
        near = (item.get("cloud") or cloud) == there
        address = private_address(item) if near else item.get("public_ip") or private_address(item)
        lines.append(f"{address} {' '.join(names)}")
    return "\n".join(lines) + "\n"


def ssh_config(instances: list[Instance], key_file: str) -> str:
    """Return an OpenSSH client configuration for all hosts.

    By their name in the cloud, their own names and their private address: recipes delegate to any of those.
    """
    lines = []
    known = {item["name"] for item in instances}
    for item in sorted(instances, key=lambda entry: int(entry["id"])):
        own = [item["name"], item["hostname"], f"vnode-{item['id']}", item["fqdn"], f"vnode-{item['id']}.localdomain"]
        names = dict.fromkeys([*own, str(private_address(item))])
        lines.append(f"Host {' '.join(names)}")
        options = {
            "HostName": host_address(item),
            **({"Port": ssh_port(item)} if ssh_port(item) != 22 else {}),
            "User": item.get("user"),
            "IdentityFile": key_file,
            **_host_key(item, key_file),
            **({"ProxyJump": item["jump"]} if item.get("jump") in known else {}),
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


def _entry(
    item: Instance, groups: list[str], cloud: str, key_file: str, jumps: Mapping[str, Instance]
) -> dict[str, Any]:
    options = {**_host_key(item, key_file), **_PATIENCE}
    words = [f"-o {name}={value}" for name, value in options.items()]
    jump = jumps.get(str(item.get("jump") or ""))
    if jump is not None:
        words.append("-o " + shlex.quote(f"ProxyCommand={_through(jump, key_file)}"))
    return {
        "name": item["name"],
        "groups": groups,
        "address": host_address(item),
        "port": ssh_port(item),
        "user": item.get("user"),
        "ssh": " ".join(words),
        "retries": _JUMP_RETRIES if jump is not None else 0,
        # A path of its own for each machine: a kept connection must not outlive a host whose address is used again.
        "control": f"%(directory)s/{_mark(item)}",
        "im_node": describe_node(item),
        "im_shares": item.get("shares") or [],
        "im_disks": item.get("disks") or [],
        "private_ip": private_address(item),
        "public_ip": item.get("public_ip"),
        "hostname": item["hostname"],
        "domain": item["fqdn"].partition(".")[2],
        "fqdn": item["fqdn"],
        "number": item["id"],
        "cloud_id": item["cloud_id"],
        "cloud": item.get("cloud") or cloud,
    }


def _through(jump: Instance, key_file: str) -> str:
    """Return the command that joins its input and output to a host behind `jump`; all hosts share one connection.

    It needs no file of ours but the key, so that it works before the configuration of SSH is written.
    """
    options = {"IdentityFile": key_file, **_host_key(jump, key_file), **_PATIENCE}
    # A kept connection to a host that is gone must end, not wait for ever.
    options |= {"BatchMode": "yes", "IdentitiesOnly": "yes", "ServerAliveInterval": "15"}
    socket = f"{key_file.rpartition('/')[0]}/jump-{_mark(jump)}"
    if len(socket) <= _MOST_SOCKET_PATH:
        options |= {"ControlMaster": "auto", "ControlPersist": "60s", "ControlPath": socket}
    options |= {"Port": str(ssh_port(jump))} if ssh_port(jump) != 22 else {}
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    command = shlex.join(["ssh", "-F", "none", *words, "-l", str(jump.get("user")), str(host_address(jump))])
    return command.replace("%", "%%") + " -W [%h]:%p"


def _mark(item: Instance) -> str:
    """Return a short name for one machine."""
    return hashlib.sha256(_alias(item).encode()).hexdigest()[:16]


def _host_key(item: Instance, key_file: str) -> dict[str, str]:
    """The host key is kept by the machine's id in the cloud: another machine may get its address later."""
    known_hosts = f"{key_file.rpartition('/')[0]}/known_hosts"
    return {"UserKnownHostsFile": known_hosts, "HostKeyAlias": _alias(item), "StrictHostKeyChecking": "accept-new"}


def _alias(item: Instance) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "-", str(item.get("cloud_id") or item["name"]))[:64]

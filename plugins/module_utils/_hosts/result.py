# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the `<cloud>_hosts` modules return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import Host

INSTANCE_KEYS = (
    "id", "node", "cloud_id", "name", "hostname", "fqdn", "state", "public_ip", "private_ip", "user", "fresh", "shares",
    "ports", "cpus", "memory", "instance_type", "disks", "jump", "ssh_address", "ssh_port",
)  # fmt: skip
_DEFAULTS: dict[str, Any] = {
    "public_ip": None,
    "private_ip": None,
    "user": "root",
    "shares": [],
    "ports": [],
    "instance_type": "",
    "disks": [],
    "jump": None,
    "ssh_address": None,
    "ssh_port": 22,
}


@dataclass
class Outcome:
    """What a run did, or would do in check mode; the names are those of hosts."""

    instances: list[dict[str, Any]] = field(default_factory=list)
    surplus: list[dict[str, Any]] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    rebooted: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    changed: bool = False
    image: str = ""
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def as_result(self) -> dict[str, Any]:
        """Return the arguments of `exit_json`."""
        return {
            "changed": self.changed,
            "ansible_facts": {"im_instances": self.instances, "im_surplus": self.surplus},
            "created": self.created,
            "started": self.started,
            "stopped": self.stopped,
            "rebooted": self.rebooted,
            "deleted": self.deleted,
            "choices": self.choices,
            "left": self.left,
            "image": self.image,
            "diff": {"before": _text(self.before), "after": _text(self.after)},
        }


def instance(host: Host, fresh: bool = False) -> dict[str, Any]:
    """Return a host in the shape of the contract."""
    known = {
        "id": host.id,
        "node": host.node,
        "cloud_id": host.cloud_id or None,
        "name": host.name,
        "state": host.state,
        "fresh": fresh,
        "hostname": host.name,
        "fqdn": host.name,
        "cpus": 1,
        "memory": 0,
    }
    facts = {
        key: value for key, value in host.facts.items() if key in INSTANCE_KEYS and key not in ("id", "node", "state")
    }
    merged = {**_DEFAULTS, **known, **facts}
    return {key: merged[key] for key in INSTANCE_KEYS}


def instances(hosts: Iterable[Host], fresh: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return hosts in the shape of the contract, in the order of their numbers; `fresh` are the names of new ones."""
    new = set(fresh)
    return [instance(host, host.name in new) for host in sorted(hosts, key=lambda item: item.id)]


def host_line(host: Host) -> str:
    """Return the line that stands for a host in a diff."""
    address = host.facts.get("private_ip") or "no address"
    return f"host {host.name} ({host.node}, {address}): {host.state}"


def resource_lines(kind: str, resources: Mapping[str, str]) -> list[str]:
    """Return the lines that stand for other resources in a diff; the values say more about each."""
    return [f"{kind} {name}{f': {more}' if more else ''}" for name, more in resources.items()]


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in sorted(lines))

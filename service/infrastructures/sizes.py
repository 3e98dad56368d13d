# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which size a document gives to one host that is there, and what of it cannot be done."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import HostGroup

from ..db.models import Infrastructure, Vm
from ..errors import BadRequest
from ..radl_text.from_topology import word
from .context import EMPTY, Service, definition_of
from .definition import dump, merged, read_template_text
from .document import Document

_DISK = re.compile(r"disk\.\d+\.size|disks\.free_size")
_NUMBERS = {"cpu.count": "cpus", "memory.size": "memory", "gpu.count": "num_gpus"}
_OF_TOSCA = {"num_cpus": "cpus", "mem_size": "memory", "num_gpus": "num_gpus", "instance_type": "instance_type"}
_INSTEAD = "Add a host as you want it, and remove this one."


@dataclass
class Asked:
    """What a document says of a host: only what it names. `disks` are sizes by their names in the document."""

    values: dict[str, Any] = field(default_factory=dict)
    disks: dict[str, Any] = field(default_factory=dict)


def new_size(service: Service, found: Infrastructure, vm: Vm, document: Document, shown: Any) -> dict[str, Any] | None:
    """Return the size that a document gives to a host, None when it has it already.

    `shown` is the host's system as the service shows it, which clients send back with some values changed.
    Raises `BadRequest` for what cannot be done.
    """
    definition = definition_of(service, found)
    group = definition.group(vm.node)
    if document.is_tosca:
        asked = _of_tosca(service, found, vm, document, group)
        disks = {"disk_size": group.disk if group else 0}
    else:
        asked = _of_radl(document.radl, vm)
        disks = _of_system(shown).disks
    now = _present(vm, group)
    changed = {name: value for name, value in asked.values.items() if value != now.get(name)}
    _refuse(found.cloud, changed, [name for name, value in asked.disks.items() if value != disks.get(name)])
    if not changed:
        return None
    kept = _wish(vm, group, now)
    size = {name: asked.values.get(name) or kept[name] for name in ("cpus", "memory")}
    return {**size, "instance_type": changed.get("instance_type", "")}


def _of_radl(posted: Any, vm: Vm) -> Asked:
    one = posted.get_system_by_name(word(vm.node)) or posted.get_system_by_name(vm.node)
    if one is None:
        raise BadRequest(f"Incorrect RADL no system with name {vm.node} provided.")
    return _of_system(one)


def _of_system(one: Any) -> Asked:
    asked = Asked()
    for name in one.props:
        if name == "instance_type" and one.getValue(name):
            asked.values[name] = str(one.getValue(name))
        if name in _NUMBERS or _DISK.fullmatch(name):
            item = one.getFeature(name)
            value = item.getValue("B") if item is not None else 0
            if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
                (asked.values if name in _NUMBERS else asked.disks)[_NUMBERS.get(name, name)] = value
    return asked


def _of_tosca(service: Service, found: Infrastructure, vm: Vm, document: Document, now: HostGroup | None) -> Asked:
    """The template is laid over the present one, so that functions and inputs work; what it does not name, stays."""
    posted = read_template_text(document.tosca)
    named = _host_properties(posted, vm.node)
    text = dump(merged(read_template_text(found.template or EMPTY), posted))
    group = service.translator.definition(text, found.inputs, found.cloud, found.name).group(vm.node)
    if named is None or group is None or now is None:
        raise BadRequest(f"The template has no node {vm.node}, whose host is to be altered.")
    values = {name: getattr(group, name) for key, name in _OF_TOSCA.items() if key in named}
    return Asked({name: value for name, value in values.items() if value}, _disk_of(group, named))


def _disk_of(group: HostGroup, named: dict[str, Any]) -> dict[str, Any]:
    return {"disk_size": group.disk} if "disk_size" in named and group.disk else {}


def _host_properties(posted: dict[str, Any], node: str) -> dict[str, Any] | None:
    found: Any = posted
    for key in ("topology_template", "node_templates", node):
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        return None
    for key in ("capabilities", "host", "properties"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def _present(vm: Vm, group: HostGroup | None) -> dict[str, Any]:
    """The size that a host has; before it is there, the one that it is made with."""
    asked = {**vm.extra.get("asked", {}), **vm.extra.get("altered", {})}
    known = {name: vm.facts[name] for name in ("cpus", "memory", "instance_type") if vm.facts.get(name)}
    gpus = vm.facts.get("num_gpus") or (group.num_gpus if group else 0)
    return {"instance_type": group.instance_type if group else "", **asked, **known, "num_gpus": gpus}


def _wish(vm: Vm, group: HostGroup | None, now: dict[str, Any]) -> dict[str, Any]:
    """What was asked for a host until now; where a type was named, what that type has."""
    asked = {**vm.extra.get("asked", {}), **vm.extra.get("altered", {})}
    typed = asked.get("instance_type", group.instance_type if group else "")
    return {name: (now if typed else {**now, **asked}).get(name) or 0 for name in ("cpus", "memory")}


def _refuse(cloud: str, changed: dict[str, Any], disks: list[str]) -> None:
    """Raise `BadRequest` for the first thing that cannot be done."""
    if disks:
        raise BadRequest(f"The disks of a host that is there keep their sizes ({disks[0]}). {_INSTEAD}")
    if "num_gpus" in changed:
        raise BadRequest(f"A host that is there keeps its number of GPUs. {_INSTEAD}")
    if changed and cloud == "static":
        raise BadRequest("Hosts that exist already keep the size that they have.")
    if "instance_type" in changed and cloud == "local":
        raise BadRequest("The local cloud has no instance types. Say cpu.count and memory.size.")

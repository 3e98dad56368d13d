# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an infrastructure becomes when a document is laid over it: its texts, and which hosts come and go."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from ..db.models import Infrastructure, Vm
from ..errors import BadRequest, NotFound
from ..radl_text.reader import check
from ..radl_text.to_tosca import display_name, to_tosca, to_tosca_text
from ..radl_text.writer import document_text
from .context import EMPTY, Caller, Service, definition_of, radl_of, staying_vms
from .definition import Definition, dump, merged, read_template_text, without_removal_lists
from .document import Document


@dataclass
class Change:
    """What an infrastructure becomes: its texts, and the hosts to add (by group) and to remove."""

    kind: str
    source: str
    template: str
    definition: Definition
    display_name: str
    radl_nodes: list[str]
    add: dict[str, int] = field(default_factory=dict)
    remove: list[int] = field(default_factory=list)
    show_added: bool = True
    options: dict[str, Any] = field(default_factory=dict)


def planned(service: Service, caller: Caller, found: Infrastructure, document: Document) -> Change:
    """Return what a document makes of an infrastructure. Raises `BadRequest` or `NotFound`."""
    if document.is_tosca:
        return _tosca(service, caller, found, document)
    if found.kind == "radl":
        return _radl_to_radl(service, found, document.radl)
    return _radl_to_tosca(service, caller, found, document.radl)


def _tosca(service: Service, caller: Caller, found: Infrastructure, document: Document) -> Change:
    """A template is laid over the present one; the numbers of hosts follow it."""
    posted = read_template_text(document.tosca)
    template = merged(read_template_text(found.template or EMPTY), posted)
    source = merged(read_template_text(found.source), posted) if found.kind == "tosca" else posted
    text = dump(template)
    token = caller.identity.token
    definition = service.translator.definition(text, found.inputs, found.cloud, found.name, token)
    others = set(found.options.get("radl_nodes", []))
    wanted, gone = {}, []
    for group in definition.topology.groups:
        if group.node in others and group.node not in _node_names(posted):
            continue
        present = [vm for vm in staying_vms(found) if vm.node == group.node]
        wanted[group.node] = max(0, group.count - len(present))
        gone += _leaving(present, list(group.remove), len(present) - group.count)
    kept = without_removal_lists(template)
    return Change(
        kind="tosca",
        source=dump(without_removal_lists(source)),
        template=dump(kept),
        definition=definition,
        display_name=definition.display_name,
        radl_nodes=sorted(others),
        add=wanted,
        remove=gone,
    )


def _node_names(posted: dict[str, Any]) -> set[str]:
    topology = posted.get("topology_template")
    nodes = topology.get("node_templates") if isinstance(topology, dict) else None
    return {str(name) for name in nodes} if isinstance(nodes, dict) else set()


def _leaving(present: list[Vm], named: list[int], number: int) -> list[int]:
    """Return the hosts of a group that go: those that are named, then the oldest. Raises `NotFound`."""
    if number <= 0:
        return []
    known = [vm.vm_id for vm in present]
    wrong = [item for item in named if item not in known]
    if wrong:
        raise NotFound(f"The 'removal_list' names host {wrong[0]}, which is not there.")
    return [*dict.fromkeys(named), *(item for item in known if item not in named)][:number]


def _radl_to_radl(service: Service, found: Infrastructure, posted: Any) -> Change:
    """Definitions are merged, recipes appended; `deploy` adds hosts."""
    document = copy.deepcopy(radl_of(service, found))
    document.deploys = []
    _check_references(posted, document)
    for network in posted.networks:
        if not network.reference:
            document.add(network, ifpresent="ignore")
    for item in (*posted.systems, *posted.configures):
        if not item.reference:
            document.add(item, ifpresent="replace")
    document.contextualize.update(posted.contextualize)
    if posted.description is not None:
        document.add(posted.description, ifpresent="replace")
    added = {item.id: item.vm_number for item in posted.deploys}
    document.deploys = list(posted.deploys)
    check(document)
    present = [vm.node for vm in staying_vms(found)]
    counts = {system.name: present.count(system.name) + added.get(system.name, 0) for system in document.systems}
    text = to_tosca_text(document, counts) if document.systems else EMPTY
    definition = service.translator.definition(text, found.inputs, found.cloud, found.name)
    return Change("radl", document_text(document), text, definition, display_name(document), list(counts), add=added)


def _radl_to_tosca(service: Service, caller: Caller, found: Infrastructure, posted: Any) -> Change:
    """Hosts of known groups are added; systems that the template does not have become groups of it."""
    definition = definition_of(service, found)
    known = radl_of(service, found)
    groups = {group.node for group in definition.topology.groups}
    _check_references(posted, known)
    fresh = [item for item in posted.systems if not item.reference and item.name not in groups]
    template, text = read_template_text(found.template or EMPTY), found.template or EMPTY
    nodes = list(found.options.get("radl_nodes", []))
    if fresh:
        extra = copy.deepcopy(posted)
        extra.systems = fresh
        names = {item.id for item in extra.networks if not item.reference}
        extra.networks = [item for item in extra.networks if not item.reference] + [
            copy.deepcopy(item) for item in known.networks if item.id not in names
        ]
        extra.deploys = []
        text = dump(merged(to_tosca(extra, {item.name: 0 for item in fresh}), template))
        nodes += [item.name for item in fresh if item.name not in nodes]
        definition = service.translator.definition(text, found.inputs, found.cloud, found.name, caller.identity.token)
    add_to = {item.id: item.vm_number for item in posted.deploys}
    for name in add_to:
        if definition.group(name) is None:
            raise BadRequest(f"'deploy {name}' names no system of this infrastructure.")
    name = display_name(posted)
    return Change("tosca", found.source, text, definition, name, nodes, add=add_to)


def _check_references(posted: Any, document: Any) -> None:
    """Bare names must be known. Raises `BadRequest`."""
    kinds = (("network", posted.networks), ("system", posted.systems), ("configure", posted.configures))
    for kind, items in kinds:
        for item in items:
            if item.reference and document.get(item) is None:
                raise BadRequest(f"Unknown reference in RADL to {kind} '{item.getId()}'")

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add hosts, remove hosts, configure anew: everything that changes the definition of an infrastructure."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from ..db.engine import read_scope, session_scope
from ..db.models import Infrastructure, Operation, Vm, now
from ..errors import BadRequest, Conflict, NotFound
from ..operations.queue import enqueue, wait_for
from ..radl_text.reader import check
from ..radl_text.to_tosca import display_name, to_tosca, to_tosca_text
from ..radl_text.writer import document_text
from .context import (
    CLOSED,
    EMPTY,
    IMAGES,
    REGION,
    Caller,
    Service,
    definition_of,
    find_vm,
    images_on_site,
    open_infrastructure,
    put_credentials,
    radl_of,
    staying_vms,
    wait_until,
)
from .create import new_vm
from .definition import Definition, dump, merged, read_template_text, without_removal_lists
from .document import Document

_ATTEMPTS = 5
_REMOVAL_SECONDS = 60.0
Result = TypeVar("Result")


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


def add(service: Service, caller: Caller, key: str, document: Document, context: bool) -> list[int]:
    """Add (and, with TOSCA, remove) hosts as a document says; return the numbers of the new ones."""

    def plan(found: Infrastructure) -> Change:
        return (
            _tosca(service, caller, found, document) if document.is_tosca else _radl(service, caller, found, document)
        )

    def apply(session: Session, found: Infrastructure, change: Change) -> tuple[list[int], Operation | None, set[int]]:
        gone = [vm for vm in staying_vms(found) if vm.vm_id in change.remove]
        numbers = _apply(found, change, gone)
        operation = None
        if numbers or gone or (context and document.is_tosca):
            kind = "add" if numbers else "remove" if gone else "reconfigure"
            operation = _enqueue(service, session, caller, found, kind, {})
        return numbers, operation, {vm.vm_id for vm in gone}

    numbers, operation, gone = _changed(service, caller, key, plan, apply)
    if operation is not None and gone:
        _wait_until_gone(service, key, operation.id, gone)
    return numbers


def reconfigure(service: Service, caller: Caller, key: str, document: Document, vm_list: list[str]) -> None:
    """Configure all hosts again; a document changes the recipes (and with TOSCA the inputs) first."""

    def plan(found: Infrastructure) -> Change:
        for text in vm_list:
            find_vm(found, text)
        if document.is_tosca:
            change = _tosca(service, caller, found, document)
        else:
            change = _radl(service, caller, found, document)
        change.add, change.remove, change.show_added = {}, [], False
        return change

    def apply(session: Session, found: Infrastructure, change: Change) -> None:
        _apply(found, change, [])
        if not staying_vms(found):
            return
        arguments: dict[str, Any] = {"reconfigure": True}
        if vm_list:
            arguments["hosts"] = [int(text) for text in vm_list]
        _enqueue(service, session, caller, found, "reconfigure", arguments)

    _changed(service, caller, key, plan, apply)


def remove(service: Service, caller: Caller, key: str, texts: list[str]) -> None:
    """Remove hosts by their numbers; all of them are checked first. Waits for a while until they are gone."""
    with session_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        vms = list({vm.vm_id: vm for vm in (find_vm(found, text.strip()) for text in texts)}.values())
        _drop(found, vms)
        operation = _enqueue(service, session, caller, found, "remove", {})
        numbers = {vm.vm_id for vm in vms}

    _wait_until_gone(service, key, operation.id, numbers)


def _wait_until_gone(service: Service, key: str, operation_id: int, numbers: set[int]) -> None:
    """Wait for a while until hosts are gone. Raises `BadRequest` when they cannot be removed."""

    def gone(seen: Infrastructure) -> bool:
        return not any(vm.vm_id in numbers for vm in seen.live_vms)

    wait_until(service, key, lambda seen: gone(seen) or _ended(service, operation_id), _REMOVAL_SECONDS)
    ended = wait_for(service.engine, operation_id, 0)
    if ended.state == "failed":
        with read_scope(service.engine) as session:
            seen = session.get(Infrastructure, key)
            if seen is not None and not gone(seen):
                raise BadRequest(ended.reason or "The hosts could not be removed.")


def _ended(service: Service, operation_id: int) -> bool:
    return wait_for(service.engine, operation_id, 0).finished


def _changed(
    service: Service,
    caller: Caller,
    key: str,
    plan: Callable[[Infrastructure], Change],
    apply: Callable[[Session, Infrastructure, Change], Result],
) -> Result:
    """Plan outside of a transaction, since translating is slow, and apply inside; again when something has moved."""
    for _attempt in range(_ATTEMPTS):
        with read_scope(service.engine) as session:
            seen = open_infrastructure(session, caller, key)
        before = _stamp(seen)
        change = plan(seen)
        change.options = _images(service, caller, seen, change.definition)
        with session_scope(service.engine) as session:
            found = open_infrastructure(session, caller, key)
            if found.state_override == "deleting":
                raise Conflict("Invalid State to perform this operation.")
            if _stamp(found) == before:
                return apply(session, found, change)
    raise Conflict("The infrastructure is being changed by others. Try again.")


def _images(service: Service, caller: Caller, seen: Infrastructure, definition: Definition) -> dict[str, Any]:
    """Look up images of EGI anew: sites exchange them. Without credentials what is known stays."""
    if seen.cloud != "openstack":
        return {}
    try:
        access = caller.cloud(service.config, seen.cloud_id if _has(caller, seen.cloud_id) else "")
    except BadRequest:
        return {IMAGES: seen.options[IMAGES]} if IMAGES in seen.options else {}
    return images_on_site(service, caller, access, definition)


def _stamp(found: Infrastructure) -> tuple[Any, ...]:
    hosts = tuple((vm.vm_id, vm.state == "deleting") for vm in found.live_vms)
    return (found.kind, found.source, found.template, found.next_vm_id, hosts)


def _enqueue(
    service: Service, session: Session, caller: Caller, found: Infrastructure, kind: str, arguments: dict[str, Any]
) -> Operation:
    access = caller.cloud(service.config, found.cloud_id if _has(caller, found.cloud_id) else "")
    region = found.options.get(REGION, "")
    needed = put_credentials(service, caller, found.id, access, region) if access.cloud == found.cloud else ""
    if not needed and found.cloud in CLOSED:
        needed = found.cloud
    user = caller.identity.user
    return enqueue(session, found, kind, arguments, user, credentials=needed, request_id=caller.request_id)


def _has(caller: Caller, cloud_id: str) -> bool:
    return any(record.get("id") == cloud_id for record in caller.records)


def _apply(found: Infrastructure, change: Change, gone: list[Vm]) -> list[int]:
    """Write the change into the rows; return the numbers of new hosts."""
    definition = change.definition
    found.kind, found.source, found.template = change.kind, change.source, change.template
    found.display_name = change.display_name or found.display_name
    options = {"configures": definition.configures, "template_name": definition.template_name}
    if change.show_added:
        options["last_added"] = {node: count for node, count in change.add.items() if count}
    kept = {name: value for name, value in found.options.items() if name != IMAGES}
    found.options = {**kept, **options, **change.options, "radl_nodes": change.radl_nodes}
    _drop(found, gone)
    numbers = []
    for node, count in change.add.items():
        for _one in range(count):
            number = found.next_vm_id
            found.next_vm_id = number + 1
            found.vms.append(new_vm(number, definition.group(node), node))
            numbers.append(number)
    if numbers:
        found.failure = ""
    found.wanted = [{"id": vm.vm_id, "node": vm.node} for vm in staying_vms(found)]
    return numbers


def _drop(found: Infrastructure, vms: list[Vm]) -> None:
    for vm in vms:
        if vm.cloud_id or vm.state not in ("pending", "failed"):
            vm.state = "deleting"
        else:
            vm.state, vm.deleted_at = "off", now()
    found.wanted = [{"id": vm.vm_id, "node": vm.node} for vm in staying_vms(found)]


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


def _radl(service: Service, caller: Caller, found: Infrastructure, document: Document) -> Change:
    if found.kind == "radl":
        return _radl_to_radl(service, found, document.radl)
    return _radl_to_tosca(service, caller, found, document.radl)


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

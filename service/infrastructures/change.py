# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Add hosts, remove hosts, configure anew: everything that changes the definition of an infrastructure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from ..db.engine import read_scope, session_scope
from ..db.models import Infrastructure, Operation, Vm, now
from ..errors import BadRequest, Conflict
from ..operations.chosen import configuring
from ..operations.queue import enqueue, wait_for
from .context import (
    CLOSED,
    IMAGES,
    REGION,
    Caller,
    Service,
    find_vm,
    images_on_site,
    open_infrastructure,
    put_credentials,
    staying_vms,
    wait_until,
)
from .create import new_vm
from .definition import Definition
from .document import Document
from .plans import Change, planned

_ATTEMPTS = 5
_REMOVAL_SECONDS = 60.0
Result = TypeVar("Result")


def add(service: Service, caller: Caller, key: str, document: Document, context: bool) -> list[int]:
    """Add (and, with TOSCA, remove) hosts as a document says; return the numbers of the new ones."""

    def plan(found: Infrastructure) -> Change:
        return planned(service, caller, found, document)

    def apply(session: Session, found: Infrastructure, change: Change) -> tuple[list[int], Operation | None, set[int]]:
        gone = [vm for vm in staying_vms(found) if vm.vm_id in change.remove]
        numbers = _apply(found, change, gone)
        operation = None
        if numbers or gone or (context and document.is_tosca):
            kind = "add" if numbers else "remove" if gone else "reconfigure"
            operation = _enqueue(service, session, caller, found, kind, configuring(context))
        return numbers, operation, {vm.vm_id for vm in gone}

    numbers, operation, gone = _changed(service, caller, key, plan, apply)
    if operation is not None and gone:
        _wait_until_gone(service, key, operation.id, gone)
    return numbers


def reconfigure(service: Service, caller: Caller, key: str, document: Document, vm_list: list[str]) -> None:
    """Configure hosts again, all or those of a list; a document changes recipes (and with TOSCA inputs) first."""

    def plan(found: Infrastructure) -> Change:
        for text in vm_list:
            find_vm(found, text)
        change = planned(service, caller, found, document)
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


def remove(service: Service, caller: Caller, key: str, texts: list[str], context: bool = True) -> None:
    """Remove hosts by their numbers; all of them are checked first. Waits for a while until they are gone.

    With `context` those that stay are configured.
    """
    with session_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        vms = list({vm.vm_id: vm for vm in (find_vm(found, text.strip()) for text in texts)}.values())
        _drop(found, vms)
        operation = _enqueue(service, session, caller, found, "remove", configuring(context))
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
    found.wanted = [vm.wanted for vm in staying_vms(found)]
    return numbers


def _drop(found: Infrastructure, vms: list[Vm]) -> None:
    for vm in vms:
        if vm.cloud_id or vm.state not in ("pending", "failed"):
            vm.state = "deleting"
        else:
            vm.state, vm.deleted_at = "off", now()
    found.wanted = [vm.wanted for vm in staying_vms(found)]

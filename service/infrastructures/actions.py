# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start, stop, reboot, images of hosts, and the end of an infrastructure."""

from __future__ import annotations

from typing import Any

from ..auth.clouds import CloudAccess
from ..auth.openstack import NOWHERE
from ..db.engine import session_scope
from ..db.models import Infrastructure, Operation
from ..errors import BadRequest, Conflict, ServiceError
from ..operations.credentials import VaultClient
from ..operations.queue import enqueue, wait_for
from .context import CLOSED, REGION, Caller, Service, find_vm, open_infrastructure, put_credentials, staying_vms

POWER_SECONDS = 900.0
DESTROY_SECONDS = 1800.0
_FORCE = "Delete it again when this is mended; with force=1 it is forgotten even so, whatever is left in the cloud."
_DONE = {"start": "starting", "stop": "stopping", "reboot": "rebooting"}


def power(service: Service, caller: Caller, key: str, kind: str, vm: str = "") -> None:
    """Start, stop or reboot one host or all of them, and wait for it."""
    with session_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        hosts = [find_vm(found, vm).vm_id] if vm else []
        if not staying_vms(found):
            return
        operation = ask(service, session, caller, found, kind, {"hosts": hosts} if hosts else {})
    ended = _wait(service, operation, POWER_SECONDS)
    if ended is not None and ended.state != "done":
        what = "the VM" if vm else "the infrastructure"
        raise BadRequest(f"Error {_DONE[kind]} {what}: {ended.reason or ended.state}")


def snapshot(service: Service, caller: Caller, key: str, vm: str, disk: str, name: str, auto_delete: bool) -> str:
    """Make an image of a host and return its address."""
    with session_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        host = find_vm(found, vm)
        if disk != "0":
            raise BadRequest("Only the first disk (0) can be made an image of.")
        arguments = {"vm_id": host.vm_id, "name": name, "auto_delete": auto_delete}
        operation = ask(service, session, caller, found, "snapshot", arguments)
        cloud = found.cloud
    ended = _wait(service, operation, POWER_SECONDS)
    if ended is None:
        raise ServiceError("The service is busy; the image is made all the same.", 503)
    image = str(ended.result.get("image") or "")
    if ended.state != "done" or not image:
        raise BadRequest(ended.reason or "No image was made.")
    return f"mock0://linux.for.ev.er/{name}" if cloud == "dummy" else image


def destroy(service: Service, caller: Caller, key: str, force: bool, wait: bool) -> None:
    """Delete an infrastructure with everything in it; with `wait` until nothing is left of it."""
    with session_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        operation = ask(service, session, caller, found, "delete", {"force": True} if force else {})
    if not wait:
        return
    ended = _wait(service, operation, DESTROY_SECONDS)
    if ended is not None and ended.state != "done":
        raise BadRequest(f"{ended.reason or 'The infrastructure could not be deleted.'} {_FORCE}")


def ask(
    service: Service, session: Any, caller: Caller, found: Infrastructure, kind: str, arguments: dict[str, Any]
) -> Operation:
    """Add an operation, with the credentials of the request if they are those of the infrastructure's cloud."""
    needed = ""
    try:
        known = any(record.get("id") == found.cloud_id for record in caller.records)
        access = caller.cloud(service.config, found.cloud_id if known else "")
        needed = _keep(service, caller, found, access) if access.cloud == found.cloud else ""
    except BadRequest:
        pass
    if not needed and found.cloud in CLOSED:
        needed = found.cloud
        if arguments.get("force"):
            _go_without(service, found)
    try:
        return enqueue(
            session, found, kind, arguments, caller.identity.user, credentials=needed, request_id=caller.request_id
        )
    except Conflict:
        raise Conflict("Invalid State to perform this operation.") from None


def _go_without(service: Service, found: Infrastructure) -> None:
    """Let something be forgotten whose site is gone: a run that can enter nothing fails, and that is the end of it."""
    vault = VaultClient(service.config)
    if found.cloud == "openstack" and vault.take(found.id) is None:
        vault.put(found.id, dict(NOWHERE))


def _keep(service: Service, caller: Caller, found: Infrastructure, access: CloudAccess) -> str:
    return put_credentials(service, caller, found.id, access, found.options.get(REGION, ""))


def _wait(service: Service, operation: Operation, seconds: float) -> Operation | None:
    """Wait for an operation; None when too many others wait already: it is carried out all the same."""
    with service.place_to_wait() as free:
        if not free:
            return None
        ended = wait_for(service.engine, operation.id, seconds)
    if not ended.finished:
        raise ServiceError("Operation timed out", 504)
    return ended

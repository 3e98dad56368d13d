# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/infrastructures/<id>/vms and below."""

from __future__ import annotations

from flask import Blueprint, Response, request

from ..db.engine import read_scope
from ..errors import BadRequest, NotFound, ServiceError
from ..infrastructures import actions, alter, change, show
from ..infrastructures.context import Caller, find_vm, open_infrastructure, radl_of
from ..radl_text.vm_info import vm_json, vm_property, vm_text
from .guard import check_body_type, document, endpoint, flag, one_of, required, service
from .negotiation import JSON, TEXT
from .respond import Invalid, empty, named, text_answer

blueprint = Blueprint("vms", __name__)
_MOST_IDS = 1000


@blueprint.get("/infrastructures/<key>/vms/<vm>")
@endpoint("Error Getting VM. info", TEXT)
def vm_info(caller: Caller, media: str, key: str, vm: str) -> Response:
    """Return a host as RADL."""
    return _info(caller, media, key, vm)


def _info(caller: Caller, media: str, key: str, vm: str) -> Response:
    with read_scope(service().engine) as session:
        found = open_infrastructure(session, caller, key)
        host = show.host_of(session, found, find_vm(found, vm))
    definition = radl_of(service(), found)
    if media == JSON:
        return named(JSON, "radl", vm_json(definition, host))
    return text_answer(vm_text(definition, host))


@blueprint.put("/infrastructures/<key>/vms/<vm>")
@endpoint("Error modifying resources", TEXT, changes=True)
def alter_vm(caller: Caller, media: str, key: str, vm: str) -> Response:
    """Give a host another size."""
    kind = check_body_type()
    alter.alter(service(), caller, key, vm, document(kind, complete=False))
    return _info(caller, media, key, vm)


@blueprint.delete("/infrastructures/<key>/vms/<vm>")
@endpoint("Error Removing resources", TEXT, changes=True)
def remove_vms(caller: Caller, _media: str, key: str, vm: str) -> Response:
    """Remove hosts: a list of numbers, all of which must be there."""
    context = flag("context", True)
    numbers = vm.split(",")
    if len(numbers) > _MOST_IDS:
        raise BadRequest("Too many hosts in one request.")
    change.remove(service(), caller, key, numbers, context)
    return empty()


@blueprint.get("/infrastructures/<key>/vms/<vm>/<prop>")
@endpoint("Error Getting VM. property", TEXT)
def vm_one_property(caller: Caller, media: str, key: str, vm: str, prop: str) -> Response:
    """Return one property of a host."""
    step = _step() if prop == "command" else 0
    with read_scope(service().engine) as session:
        found = open_infrastructure(session, caller, key)
        row = find_vm(found, vm)
        if prop == "contmsg":
            return named(media, prop, show.vm_log(session, found, row))
        host = show.host_of(session, found, row)
    if prop == "command":
        return named(media, prop, "true" if step == 2 else "#!/bin/sh\n# Hosts need no tunnel to this service.\ntrue\n")
    value = vm_property(radl_of(service(), found), host, prop)
    if value is None:
        raise NotFound(f"Incorrect property {prop} for VM ID {row.vm_id}")
    return named(media, prop, value, _plain(value))


def _plain(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _step() -> int:
    text = request.args.get("step", "1")
    if text not in ("1", "2"):
        raise Invalid("int_parsing", "query", "step", "Input should be 1 or 2", text)
    return int(text)


@blueprint.put("/infrastructures/<key>/vms/<vm>/<op>")
@endpoint("Error in VM operation", TEXT, changes=True)
def vm_operation(caller: Caller, _media: str, key: str, vm: str, op: str) -> Response:
    """Start, stop or reboot a host."""
    one_of("op", op, ("start", "stop", "reboot"))
    try:
        actions.power(service(), caller, key, op, vm)
    except ServiceError as error:
        error.reason = f"Error in {op} op in VM: {error.reason}"
        error.bare = True  # type: ignore[attr-defined]
        raise
    return empty()


@blueprint.put("/infrastructures/<key>/vms/<vm>/disks/<disk>/snapshot")
@endpoint("Error creating snapshot", TEXT, changes=True)
def snapshot_vm(caller: Caller, media: str, key: str, vm: str, disk: str) -> Response:
    """Make an image of a host."""
    name, auto_delete = required("image_name"), flag("auto_delete")
    if not disk.isascii() or not disk.isdigit():
        message = "Input should be a valid integer, unable to parse string as an integer"
        raise Invalid("int_parsing", "path", "disk_num", message, disk)
    image = actions.snapshot(service(), caller, key, vm, disk, name, auto_delete)
    return text_answer(image) if media == TEXT else named(JSON, "snapshot", image)

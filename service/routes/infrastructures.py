# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/infrastructures and what is below it, but for the hosts."""

from __future__ import annotations

import json

from flask import Blueprint, Response, request
from sqlalchemy.orm import Session

from ..db.engine import read_link, read_scope
from ..db.models import Infrastructure
from ..errors import BadRequest, ServiceError, Unauthorized
from ..infrastructures import actions, change, create, owners, show, transfer
from ..infrastructures.context import Caller, listed, open_infrastructure, radl_of
from ..infrastructures.search import matching
from ..radl_text.writer import document_text
from .guard import check_body_type, document, endpoint, flag, negotiated, one_of, service
from .negotiation import JSON, TEXT, URIS
from .respond import empty, infrastructure_uri, json_answer, named, one_uri, uri_list, vm_uri

blueprint = Blueprint("infrastructures", __name__)
PROPERTIES = ("contmsg", "radl", "tosca", "state", "outputs", "data", "authorization")
_ONLY_JSON = ("state", "outputs", "data")


@blueprint.get("/infrastructures")
@endpoint("Error Getting Inf. List", URIS)
def list_infrastructures(caller: Caller, media: str) -> Response:
    """List the caller's infrastructures; `filter` is a regular expression on names and templates."""
    pattern = request.args.get("filter")
    # Texts are sealed: they are opened only when they are searched.
    rows = listed(service().engine, caller, *(("display_name", "source") if pattern else ()))
    fits = matching(pattern, [row[1:] for row in rows]) if pattern else [True] * len(rows)
    place = infrastructure_uri("")
    return uri_list(media, [place + row[0] for row, fit in zip(rows, fits, strict=True) if fit])


@blueprint.post("/infrastructures")
@endpoint("Error Creating Inf.", URIS, changes=True)
def create_infrastructure(caller: Caller, media: str) -> Response:
    """Make an infrastructure, or tell what it would take (`dry_run`)."""
    asynchronous, dry_run, context = flag("async"), flag("dry_run"), flag("context", True)
    if dry_run:
        negotiated(JSON)
    kind = check_body_type()
    posted = document(kind)
    if dry_run:
        return json_answer(create.estimate(service(), caller, posted))
    key = create.create(service(), caller, posted, wait=not asynchronous, context=context)
    return _with_id(one_uri(media, infrastructure_uri(key)), key)


@blueprint.put("/infrastructures")
@endpoint("Error Importing Inf.", URIS, changes=True)
def import_infrastructure(caller: Caller, media: str) -> Response:
    """Take in what was exported."""
    check_body_type(only_json=True)
    text = _text("Error importing the infrastructure, incorrect data")
    return one_uri(media, infrastructure_uri(transfer.take_in(service(), caller, text)))


@blueprint.get("/infrastructures/<key>")
@endpoint("Error Getting Inf. info", URIS)
def infrastructure_info(caller: Caller, media: str, key: str) -> Response:
    """List the hosts."""
    with read_scope(service().engine) as session:
        found = open_infrastructure(session, caller, key)
        return uri_list(media, [vm_uri(key, vm.vm_id) for vm in found.live_vms if vm.state != "deleting"])


@blueprint.post("/infrastructures/<key>")
@endpoint("Error Adding resources", URIS, changes=True)
def add_resources(caller: Caller, media: str, key: str) -> Response:
    """Add hosts; TOSCA may also take some away. The answer lists the new ones."""
    context = flag("context", True)
    kind = check_body_type()
    numbers = change.add(service(), caller, key, document(kind, complete=False), context)
    found = uri_list(media, [vm_uri(key, number) for number in numbers])
    return _with_id(found, key) if context else found


@blueprint.delete("/infrastructures/<key>")
@endpoint("Error Destroying Inf", TEXT, changes=True)
def destroy_infrastructure(caller: Caller, _media: str, key: str) -> Response:
    """Delete everything."""
    force, asynchronous = flag("force"), flag("async")
    actions.destroy(service(), caller, key, force, wait=not asynchronous)
    return empty()


@blueprint.get("/infrastructures/<key>/<prop>")
@endpoint("Error Getting Inf. prop", TEXT, others=(JSON, "*/*"))
def infrastructure_property(caller: Caller, _media: str, key: str, prop: str) -> Response:
    """Return one property."""
    one_of("prop", prop, PROPERTIES)
    media = negotiated(JSON, strict=True) if prop in _ONLY_JSON else negotiated(TEXT, (JSON,))
    header_only, delete = flag("headeronly"), flag("delete")
    if prop == "data":
        return named(JSON, "data", transfer.export(service(), caller, key, delete))
    if prop == "state":
        with read_link(service().engine) as link:
            return named(JSON, prop, show.state(link, key))
    with read_scope(service().engine) as session:
        found = open_infrastructure(session, caller, key)
        if prop == "contmsg":
            return named(media, prop, show.log(session, found, header_only))
        return _property(session, found, media, prop)


def _property(session: Session, found: Infrastructure, media: str, prop: str) -> Response:
    if prop == "outputs":
        return named(JSON, prop, show.outputs(service(), session, found))
    if prop == "authorization":
        names = owners.owner_names(found)
        return named(media, prop, names, "\n".join(names))
    if prop == "tosca":
        show.refuse_radl(found, prop)
        return named(media, prop, found.source)
    return named(media, prop, document_text(radl_of(service(), found)))


@blueprint.post("/infrastructures/<key>/authorization")
@endpoint("Error modifying infrastructure owner", TEXT, changes=True)
def change_authorization(caller: Caller, _media: str, key: str) -> Response:
    """Add an owner, or (`overwrite`) make it the only one."""
    overwrite = flag("overwrite")
    check_body_type(only_json=True)
    try:
        record = json.loads(_text("Error parsing auth data"))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"Error parsing auth data: {error}") from None
    if isinstance(record, list) and len(record) == 1:
        record = record[0]
    if not isinstance(record, dict):
        raise BadRequest("Error parsing auth data: it is not an object.")
    try:
        member = service().identities.owner(
            {str(key): str(value) for key, value in record.items() if value is not None}
        )
    except Unauthorized as error:
        raise BadRequest(f"Invalid new infrastructure data provided: {error.reason}") from None
    owners.change_owner(service(), caller, key, member, overwrite)
    return empty()


@blueprint.put("/infrastructures/<key>/reconfigure")
@endpoint("Error reconfiguring infrastructure", TEXT, changes=True)
def reconfigure_infrastructure(caller: Caller, _media: str, key: str) -> Response:
    """Configure the hosts again."""
    chosen = request.args.get("vm_list", "")
    vms = [part.strip() for part in chosen.split(",")] if chosen else []
    if not all(part.isascii() and part.isdigit() for part in vms):
        raise BadRequest("Incorrect vm_list format.")
    kind = check_body_type()
    change.reconfigure(service(), caller, key, document(kind, complete=False), vms)
    return _with_id(empty(), key)


@blueprint.put("/infrastructures/<key>/<op>")
@endpoint("Error in infrastructure operation", TEXT, changes=True)
def infrastructure_operation(caller: Caller, _media: str, key: str, op: str) -> Response:
    """Start or stop all hosts."""
    one_of("op", op, ("start", "stop"))
    try:
        actions.power(service(), caller, key, op)
    except ServiceError as error:
        error.reason = f"Error in {op} operation: {error.reason}"
        error.bare = True  # type: ignore[attr-defined]
        raise
    return empty()


def _text(mark: str) -> str:
    try:
        return request.get_data(cache=False).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest(f"{mark}: it is not UTF-8 text.") from None


def _with_id(answer: Response, key: str) -> Response:
    answer.headers["InfID"] = key
    return answer

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take an infrastructure out as one text, and in again.

Secrets in the text are sealed with the key of the service: what is exported says nothing about them, and is complete
for a service with the same key. A seal also covers the rest of the text: whoever has it can take in what was taken out,
and nothing else. Exports of the Infrastructure Manager are read as far as they say what is wanted.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..db.engine import hold, read_scope, session_scope
from ..db.models import Infrastructure, Owner, Secret, Vm, new_id, now
from ..db.secrets import SealError
from ..errors import BadRequest, Conflict
from ..operations.keys import forget
from ..operations.queue import unfinished
from ..radl_text.reader import read_text
from ..radl_text.to_tosca import display_name, to_tosca_text
from .context import EMPTY, Caller, Service, open_infrastructure
from .create import collection_name
from .definition import Definition

FORMAT = "continuum.im/1"
_MARK = "Error importing the infrastructure, incorrect data: "
_THERE = "Trying to add an existing infrastructure ID."
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLAIN = (
    *("id", "display_name", "kind", "options", "cloud", "cloud_id", "cloud_host", "cloud_type", "wanted"),
    *("next_vm_id", "failure", "generation"),
)
_OF_VM = ("vm_id", "node", "name", "cloud_id", "state", "configured", "facts", "extra", "error")


def export(service: Service, caller: Caller, key: str, delete: bool) -> str:
    """Return the document of an infrastructure; with `delete` the service forgets it, the cloud is not touched."""
    with read_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        document = _document(service, session, found)
    if delete:
        with session_scope(service.engine) as session:
            found = open_infrastructure(session, caller, key)
            if unfinished(session, key):
                raise Conflict("Invalid State to perform this operation.")
            forget(session, service.config, found.id, found.name)
            # The row stays for a while, so that nobody else takes in something with its id, and its hosts with it.
            found.deleted_at, found.forget = now(), True
            found.inputs, found.outputs = {}, {}
    return json.dumps(document)


def _document(service: Service, session: Session, found: Infrastructure) -> dict[str, Any]:
    secrets = session.scalars(select(Secret).where(Secret.infrastructure_id == found.id))
    hidden = {
        "source": found.source,
        "template": found.template,
        "inputs": found.inputs,
        "outputs": found.outputs,
        "secrets": {secret.name: secret.sealed for secret in secrets},
    }
    shown = {
        "format": FORMAT,
        **{name: getattr(found, name) for name in _PLAIN},
        "creation_date": int(found.created_at.timestamp()),
        "auth": [{"type": "InfrastructureManager", "username": owner.user} for owner in found.owners],
        "vm_list": [
            {**{name: getattr(vm, name) for name in _OF_VM}, "creation_date": int(vm.created_at.timestamp())}
            for vm in found.live_vms
        ],
    }
    return {**shown, "sealed": service.box.seal(json.dumps({**hidden, "digest": _digest(shown)}))}


def _digest(shown: dict[str, Any]) -> str:
    rest = {name: value for name, value in shown.items() if name != "sealed"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def take_in(service: Service, caller: Caller, text: str) -> str:
    """Make an infrastructure of an exported document; return its id. The caller becomes its only owner."""
    try:
        data = json.loads(text)
        data = json.loads(data) if isinstance(data, str) else data
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{_MARK}{error}") from None
    if not isinstance(data, dict) or not _ID.fullmatch(str(data.get("id"))):
        raise BadRequest(_MARK + "it has no id of an infrastructure.")
    try:
        own = data.get("format") == FORMAT
        found, secrets = _ours(service, data) if own else _foreign(service, caller, data)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadRequest(_MARK + "it is not complete.") from None
    members = caller.identity.members
    found.owners = [Owner(user=one.user, identity=one.key, position=index) for index, one in enumerate(members)]
    try:
        _write(service, caller, found, own, secrets)
    except IntegrityError:
        # Somebody else has done the same at this moment.
        raise BadRequest(_THERE) from None
    return found.id


def _write(service: Service, caller: Caller, found: Infrastructure, own: bool, secrets: dict[str, str]) -> None:
    with session_scope(service.engine) as session:
        hold(session, found.id)
        old = session.get(Infrastructure, found.id)
        if old is not None and (old.deleted_at is None or not (own or _may_replace(old, caller))):
            raise BadRequest(_THERE)
        if old is not None:
            session.delete(old)
            session.flush()
        session.add(found)
        session.flush()
        session.add_all(Secret(infrastructure_id=found.id, name=name, sealed=value) for name, value in secrets.items())


def _may_replace(old: Infrastructure, caller: Caller) -> bool:
    return bool({owner.identity for owner in old.owners} & set(caller.identity.keys))


def _ours(service: Service, data: dict[str, Any]) -> tuple[Infrastructure, dict[str, str]]:
    try:
        hidden = json.loads(service.box.open(str(data["sealed"])))
    except SealError:
        raise BadRequest(_MARK + "its secrets are sealed with the key of another service.") from None
    if hidden["digest"] != _digest(data):
        raise BadRequest(_MARK + "it has been changed since it was exported.")
    values = {name: data[name] for name in _PLAIN}
    found = Infrastructure(
        **values,
        name=collection_name(str(data["id"])),
        source=str(hidden["source"]),
        template=str(hidden["template"]),
        inputs=hidden["inputs"],
        outputs=hidden["outputs"],
        created_at=datetime.fromtimestamp(int(data["creation_date"]), UTC),
        vms=[_vm(item) for item in data["vm_list"]],
    )
    service.translator.definition(found.template or EMPTY, found.inputs, found.cloud, found.name)
    return found, {str(name): str(value) for name, value in hidden["secrets"].items()}


def _vm(item: dict[str, Any]) -> Vm:
    values = {name: item[name] for name in _OF_VM}
    return Vm(**values, created_at=datetime.fromtimestamp(int(item["creation_date"]), UTC))


def _foreign(service: Service, caller: Caller, data: dict[str, Any]) -> tuple[Infrastructure, dict[str, str]]:
    """An export of the Infrastructure Manager says what is wanted; its hosts stay what that service made of them."""
    tosca = data["extra_info"].get("TOSCA") if isinstance(data.get("extra_info"), dict) else None
    document = read_text(str(data["radl"]))
    hosts = [item for item in data["vm_list"] if not item.get("destroy")]
    nodes = [_system_of(item) for item in hosts]
    counts = {system.name: nodes.count(system.name) for system in document.systems}
    template = str(tosca) if tosca else to_tosca_text(document, counts) if document.systems else EMPTY
    key = str(uuid.UUID(str(data["id"])))
    access = caller.cloud(service.config)
    definition = service.translator.definition(template, {}, access.cloud, collection_name(key))
    vms = [
        Vm(vm_id=int(item["im_id"]), node=node, name=str(item.get("id") or ""), cloud_id=str(item.get("id") or ""),
           state=_state_of(item), configured="configured" if item.get("configured") else "",
           facts=_facts_of(item), extra={"imported": True, "asked": _asked(definition, node)}, created_at=now())
        for item, node in zip(hosts, nodes, strict=True)
    ]  # fmt: skip
    return Infrastructure(
        id=key,
        # Hosts in a cloud are found by this name: it is a new one, so that it can never be that of somebody else.
        name=collection_name(new_id()),
        display_name=definition.display_name or display_name(document),
        kind="tosca" if tosca else "radl",
        source=str(tosca) if tosca else str(data["radl"]),
        template=template,
        options={"configures": definition.configures, "template_name": definition.template_name, "last_added": counts},
        cloud=access.cloud,
        cloud_id=access.id,
        cloud_host=access.host,
        cloud_type=access.type,
        wanted=[vm.wanted for vm in vms],
        next_vm_id=max((int(item["im_id"]) for item in data["vm_list"]), default=-1) + 1,
        vms=vms,
    ), {}


def _asked(definition: Definition, node: str) -> dict[str, Any]:
    group = definition.group(node)
    return {"cpus": group.cpus, "memory": group.memory} if group else {}


def _state_of(item: dict[str, Any]) -> str:
    known = ("running", "configured", "unconfigured", "stopped", "failed")
    found = str(item.get("state"))
    return found if found in known else "unknown"


def _system_of(item: dict[str, Any]) -> str:
    systems = read_text(str(item["info"])).systems
    return str(systems[0].name) if systems else "unknown"


def _facts_of(item: dict[str, Any]) -> dict[str, Any]:
    seen = read_text(str(item["info"]))
    one = seen.systems[0]
    values = {
        "public_ip": seen.getPublicIP(),
        "private_ip": seen.getPrivateIP(),
        "user": one.getValue("disk.0.os.credentials.username"),
    }
    return {name: value for name, value in values.items() if value}

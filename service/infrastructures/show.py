# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of an infrastructure: its state, its log, its outputs, its hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.continuum.im.plugins.plugin_utils._run.evaluate import Scene, evaluate
from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import Session

from ..db.models import UNFINISHED, Event, Infrastructure, Operation, Vm
from ..errors import Forbidden, NotFound
from ..operations.chosen import configures
from ..operations.events import log_time
from ..operations.keys import private_key
from ..radl_text.from_topology import word
from ..radl_text.vm_info import Host
from .context import UNKNOWN, VO, Service, definition_of
from .state import aggregate

NO_RECIPES = "Contextualization disabled by the RADL/TOSCA template.\n\n"
_MOST_EVENTS = 5000
_LINE = "*" * 75
_BAD = ("failed", "unreachable")
_INFRASTRUCTURE, _VM, _OPERATION = Infrastructure.__table__, Vm.__table__, Operation.__table__
_STATES = (
    select(*(_INFRASTRUCTURE.c[name] for name in ("state_override", "failure", "next_vm_id")), _VM.c.vm_id, _VM.c.state)
    .select_from(
        _INFRASTRUCTURE.outerjoin(_VM, (_VM.c.infrastructure_id == _INFRASTRUCTURE.c.id) & _VM.c.deleted_at.is_(None))
    )
    .where(_INFRASTRUCTURE.c.id == bindparam("key"), _INFRASTRUCTURE.c.deleted_at.is_(None))
    .order_by(_VM.c.vm_id)
)
_WAITING = (
    select(_OPERATION.c.kind, _OPERATION.c.arguments)
    .where(_OPERATION.c.infrastructure_id == bindparam("key"), _OPERATION.c.state.in_(UNFINISHED))
    .order_by(_OPERATION.c.id)
)
# Of hosts that do not exist.
_DUMMY_LOGIN = {"user": "username", "token": "password", "token_type": "password"}


def state(link: Connection, key: str) -> dict[str, Any]:
    """Return `{state, vm_states}`. This is what clients ask most: two queries, made once. Raises `NotFound`."""
    rows, waiting = link.execute(_STATES, {"key": key}).all(), _waiting(link, key)
    if not rows:
        raise NotFound(UNKNOWN)
    states = {str(row.vm_id): _state_of(row, waiting) for row in rows if row.vm_id is not None}
    whole = aggregate(
        states.values(),
        deleting=rows[0].state_override == "deleting",
        failed=bool(rows[0].failure) or not rows[0].next_vm_id,
        undecided=not states and bool(waiting),
    )
    return {"state": whole, "vm_states": states}


def _waiting(link: Connection, key: str) -> Sequence[Any]:
    """Return the kinds and arguments of the operations that are running or queued."""
    return link.execute(_WAITING, {"key": key}).all()


def _state_of(vm: Any, waiting: Iterable[Any]) -> str:
    """Return the state to show: a host that is going to be configured again is not configured."""
    again = any(configures(operation.kind, operation.arguments, vm.vm_id) for operation in waiting)
    return "running" if again and vm.state in ("configured", "unconfigured") else vm.state


def outputs(service: Service, session: Session, found: Infrastructure) -> dict[str, Any]:
    """Return the outputs of the template. Raises `Forbidden` for an infrastructure that was made from RADL."""
    refuse_radl(found, "outputs")
    values = found.outputs if isinstance(found.outputs, dict) else {}
    wanted = definition_of(service, found).topology.outputs
    if not values or set(values) != set(wanted):
        values = _evaluated(found, wanted)  # the simulated cloud has none, and a failed run told none
    key = private_key(session, found.id) or ""
    return {name: _with_key(values.get(name), key) for name in wanted}


def refuse_radl(found: Infrastructure, name: str) -> None:
    """Raise `Forbidden` when the infrastructure was not made from TOSCA."""
    if found.kind != "tosca":
        raise Forbidden(f"'{name}' infrastructure property is not valid in this infrastructure")


def _evaluated(found: Infrastructure, wanted: dict[str, Any]) -> dict[str, Any]:
    """Return outputs from what is known of the hosts now; None while a value is unknown."""

    def credential(instance: dict[str, Any]) -> dict[str, Any]:
        if found.cloud == "dummy":
            return dict(_DUMMY_LOGIN)
        return {"user": instance.get("user"), "token_type": "private_key", "key_file": ""}

    instances = [
        {**vm.facts, "id": vm.vm_id, "node": vm.node, "name": vm.name, "cloud_id": vm.cloud_id}
        for vm in found.live_vms
        if vm.facts
    ]
    return {name: evaluate(value, Scene(instances, credential=credential)) for name, value in wanted.items()}


def _with_key(value: Any, key: str) -> Any:
    """A credential names the file of the key on this machine; its owner gets the key itself."""
    if isinstance(value, dict):
        found = {name: _with_key(item, key) for name, item in value.items() if name != "key_file"}
        return {**found, "token": key} if "key_file" in value else found
    return [_with_key(item, key) for item in value] if isinstance(value, list) else value


def log(session: Session, found: Infrastructure, header_only: bool = False) -> str:
    """Return the log of the last configuration: what the service did, then each host."""
    events = _events(session, found)
    configures = bool(found.options.get("configures"))
    names = {vm.name: vm for vm in found.vms if vm.name}
    general = [event for event in events if event.host not in names]
    if not configures:
        general = [event for event in general if event.status in _BAD]
    header = "" if configures or not found.vms else NO_RECIPES
    header += "".join(f"{log_time(event.at)}: {_general(event)}\n" for event in general)
    if found.failure and not any(found.failure in event.message for event in general):
        header += f"{log_time(found.updated_at)}: {found.failure}\n"
    if header_only:
        return header
    parts = [header]
    for vm in found.live_vms:
        text = _vm_log(vm, [event for event in events if vm.name and event.host == vm.name], configures)
        if text:
            parts.append(f"VM {vm.vm_id}:\n{text}{_LINE}\n")
    return "".join(parts)


def vm_log(session: Session, found: Infrastructure, vm: Vm) -> str:
    """Return the log of one host: why it could not be made, and how it was configured."""
    events = _events(session, found, vm.name) if vm.name else []
    return _vm_log(vm, events, bool(found.options.get("configures")))


def _events(session: Session, found: Infrastructure, host: str = "") -> list[Event]:
    query = select(Event).where(Event.infrastructure_id == found.id, Event.generation == found.generation)
    if host:
        query = query.where(Event.host == host)
    rows = list(session.scalars(query.order_by(Event.id.desc()).limit(_MOST_EVENTS)))
    return rows[::-1]


def _general(event: Event) -> str:
    """Return an event in one line."""
    what = ": ".join(part for part in (event.task, " ".join(event.message.split())) if part)
    where = f"[{event.host}] " if event.host and event.host != "localhost" else ""
    mark = "ERROR executing task " if event.status in _BAD and event.task else ""
    return f"{mark}{where}{what or event.phase}"


def _vm_log(vm: Vm, events: Iterable[Event], configures: bool) -> str:
    lines = [vm.error] if vm.error else []
    phase = ""
    for event in events if configures else ():
        if event.phase != phase:
            phase = event.phase
            lines.append(f"Launch task: {phase}")
        lines.append(f"TASK [{event.task}] " + "*" * max(3, 60 - len(event.task)))
        if event.status in _BAD:
            mark = "UNREACHABLE" if event.status == "unreachable" else "FAILED"
            lines.append(f"fatal: [{event.host}]: {mark}! => {event.message}")
        else:
            lines.append(f"{event.status}: [{event.host}]" + (f" => {event.message}" if event.message else ""))
    return "\n".join(lines) + "\n" if lines else ""


def host_of(session: Session, found: Infrastructure, vm: Vm) -> Host:
    """Return what is known of a host, with the key that opens it: only for its owners."""
    facts = vm.facts
    if found.cloud == "dummy" and facts:
        facts = {**facts, "user": _DUMMY_LOGIN["user"], "password": _DUMMY_LOGIN["token"]}
    return Host(
        number=vm.vm_id,
        system=word(vm.node),
        state=_state_of(vm, _waiting(session.connection(), found.id)),
        cloud_type=found.cloud_type or found.cloud.capitalize(),
        cloud_host=found.cloud_host,
        cloud_vo=str(found.options.get(VO) or ""),
        facts=facts,
        instance_id=vm.cloud_id,
        instance_name=vm.name,
        launch_time=int(vm.created_at.timestamp()) if vm.cloud_id else None,
        private_key=private_key(session, found.id) or "",
    )

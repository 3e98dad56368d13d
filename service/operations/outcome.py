# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run means for the rows of hosts and infrastructures. State is read from here, never from events."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from ..db.models import SIZE, Infrastructure, Vm, now
from .task import Task

_FACTS_OF_NO_USE = ("id", "node", "name", "cloud_id", "state", "fresh")


def begins(session: Session, task: Task) -> None:
    """A run begins: hosts that are wanted are pending, those that are there are no longer configured."""
    infrastructure = _infrastructure(session, task)
    if not task.configures:
        return
    infrastructure.failure = ""
    known = {item.vm_id: item for item in infrastructure.vms}
    for wanted in task.wanted or ():
        vm_id = int(wanted["id"])
        if vm_id not in known:
            infrastructure.vms.append(Vm(vm_id=vm_id, node=str(wanted["node"]), state="pending"))
    for vm in _hosts(infrastructure, task):
        if not task.keeps(vm.vm_id):
            vm.state = "deleting"
        elif vm.state in ("configured", "unconfigured", "failed") and (_takes_part(task, vm) or not vm.cloud_id):
            vm.state = "running" if vm.cloud_id else "pending"
            vm.configured, vm.error = "", ""
    _count(infrastructure)


def seen(session: Session, task: Task, instances: list[dict[str, Any]], whole: bool = False) -> None:
    """The cloud has listed hosts; `whole` means that there are no others."""
    infrastructure = _infrastructure(session, task)
    known = {item.vm_id: item for item in infrastructure.vms}
    for instance in instances:
        vm_id = int(instance["id"])
        vm = known.get(vm_id)
        if vm is None:
            vm = Vm(vm_id=vm_id)
            infrastructure.vms.append(vm)
            known[vm_id] = vm
        _update(vm, instance)
    if whole:
        there = {int(item["id"]) for item in instances}
        for vm in _hosts(infrastructure, task):
            if vm.vm_id not in there:
                vm.state, vm.deleted_at = "off", now()
    _count(infrastructure)


def _update(vm: Vm, instance: dict[str, Any]) -> None:
    vm.node = str(instance.get("node") or vm.node)
    vm.name = str(instance.get("name") or vm.name)
    vm.cloud_id = str(instance.get("cloud_id") or vm.cloud_id)
    vm.facts = {name: value for name, value in instance.items() if name not in _FACTS_OF_NO_USE}
    vm.deleted_at = None
    vm.error = ""
    if vm.state != "deleting":
        vm.state = (vm.configured or "running") if instance.get("state") == "running" else "stopped"


def succeeded(session: Session, task: Task, result: dict[str, Any]) -> None:
    """A run ended well."""
    infrastructure = _infrastructure(session, task)
    instances = result.get("instances")
    if isinstance(instances, list):
        seen(session, task, instances, whole=True)
    if task.configures:
        nothing_to_do = not infrastructure.options.get("configures", True)
        for vm in _hosts(infrastructure, task):
            if nothing_to_do or _takes_part(task, vm):
                _set_configured(vm)
        outputs = result.get("outputs")
        infrastructure.outputs = outputs if isinstance(outputs, dict) else {}
    elif task.kind in ("start", "stop"):
        _powered(infrastructure, task)


def _hosts(infrastructure: Infrastructure, task: Task) -> list[Vm]:
    """Return the hosts that a run can say something about: others add some meanwhile, for the next one.

    Those are known by nobody but us; what the cloud has told of was there, or has been made by this run.
    """
    return [vm for vm in infrastructure.live_vms if vm.cloud_id or task.knows(vm.vm_id)]


def _takes_part(task: Task, vm: Vm) -> bool:
    """True for a host that is configured in a run."""
    return task.chosen is None or vm.vm_id in task.chosen


def _set_configured(vm: Vm) -> None:
    if vm.state in ("running", "pending"):
        vm.state = vm.configured = "configured"
    elif vm.state == "stopped":
        vm.configured = "configured"


def _powered(infrastructure: Infrastructure, task: Task) -> None:
    """Clouds list their hosts after these too; this is for those that do not."""
    chosen = {int(item) for item in task.arguments.get("hosts") or ()}
    for vm in _hosts(infrastructure, task):
        if (not chosen or vm.vm_id in chosen) and vm.state not in ("failed", "deleting", "pending"):
            vm.state = "stopped" if task.kind == "stop" else vm.configured or "running"
    if not any("unconfigured" in (vm.state, vm.configured) or vm.state == "failed" for vm in infrastructure.live_vms):
        # What failed before was the power too.
        infrastructure.failure = ""


def failed(session: Session, task: Task, reason: str) -> None:
    """A run failed: hosts that were never made are failed, the others are not configured."""
    infrastructure = _infrastructure(session, task)
    infrastructure.failure = reason
    if task.kind == "delete":
        infrastructure.state_override = ""
    if not task.configures:
        return
    for vm in _hosts(infrastructure, task):
        if vm.state == "deleting" and not task.keeps(vm.vm_id):
            vm.state = vm.configured or "running"
        if vm.state == "pending" and not vm.cloud_id:
            vm.state, vm.error = "failed", reason
        elif vm.state in ("running", "pending", "configured") and _takes_part(task, vm):
            vm.state = vm.configured = "unconfigured"
    if task.kind == "alter":
        _size_as_before(infrastructure, task)


def _size_as_before(infrastructure: Infrastructure, task: Task) -> None:
    """A size that the cloud has refused is not wanted any more: nothing else could be changed."""
    vm = next((item for item in infrastructure.live_vms if item.vm_id == task.arguments.get("vm_id")), None)
    if vm is None or size_facts(vm) != task.arguments["facts"] or vm.extra.get("altered") != task.arguments["after"]:
        return
    vm.extra = {**vm.extra, "altered": task.arguments["before"]}
    wanted = infrastructure.wanted or []
    infrastructure.wanted = [vm.wanted if item["id"] == vm.vm_id else item for item in wanted]


def size_facts(vm: Vm) -> dict[str, Any]:
    """Return the size that a host has, as the cloud tells it."""
    return {name: vm.facts.get(name) for name in SIZE}


def deleted(session: Session, task: Task) -> None:
    """Nothing is left of an infrastructure."""
    infrastructure = _infrastructure(session, task)
    infrastructure.deleted_at = infrastructure.deleted_at or now()
    infrastructure.state_override = ""
    infrastructure.failure = ""
    # What is kept for the statistics are names and numbers.
    infrastructure.inputs, infrastructure.outputs = {}, {}
    for vm in infrastructure.live_vms:
        vm.state, vm.deleted_at = "off", now()


def _count(infrastructure: Infrastructure) -> None:
    highest = max((item.vm_id for item in infrastructure.vms), default=-1)
    infrastructure.next_vm_id = max(infrastructure.next_vm_id, highest + 1)


def _infrastructure(session: Session, task: Task) -> Infrastructure:
    found = session.get(Infrastructure, task.infrastructure_id)
    if found is None:
        raise LookupError(f"infrastructure {task.infrastructure_id} is gone")
    return found

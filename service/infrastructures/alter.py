# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give one host that is there another size."""

from __future__ import annotations

from typing import Any

from ..db.engine import read_scope, session_scope
from ..db.models import Infrastructure
from ..errors import BadRequest
from ..operations.outcome import size_facts
from ..operations.queue import wait_for
from ..radl_text.vm_info import vm_document
from .actions import POWER_SECONDS, ask
from .context import Caller, Service, find_vm, open_infrastructure, radl_of, staying_vms, wait_until
from .document import Document
from .show import host_of
from .sizes import new_size


def alter(service: Service, caller: Caller, key: str, vm: str, document: Document) -> None:
    """Give a host the size that a document says, and wait until it has it. Raises `BadRequest`.

    The host keeps that size, whatever the template says of its group.
    """
    with read_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        seen = find_vm(found, vm)
        host = host_of(session, found, seen)
    size = new_size(service, found, seen, document, vm_document(radl_of(service, found), host).systems[0])
    if size is None:
        return
    with session_scope(service.engine) as session:
        found = open_infrastructure(session, caller, key)
        one = find_vm(found, vm)
        facts = size_facts(one)
        arguments = {"vm_id": one.vm_id, "before": one.extra.get("altered", {}), "after": size, "facts": facts}
        one.extra = {**one.extra, "altered": size}
        found.wanted = [item.wanted for item in staying_vms(found)]
        operation = ask(service, session, caller, found, "alter", arguments)
    _wait(service, key, one.vm_id, facts, operation.id)


def _wait(service: Service, key: str, number: int, facts: dict[str, Any], operation_id: int) -> None:
    """Wait until a host has another size or cannot get it; how its configuration ends is seen in its state."""

    def changed(found: Infrastructure) -> bool:
        return any(item.vm_id == number and size_facts(item) != facts for item in found.live_vms)

    def done(found: Infrastructure) -> bool:
        return changed(found) or wait_for(service.engine, operation_id, 0).finished

    wait_until(service, key, done, POWER_SECONDS)
    ended = wait_for(service.engine, operation_id, 0)
    with read_scope(service.engine) as session:
        found = session.get(Infrastructure, key)
        refused = ended.state == "failed" and found is not None and not changed(found)
    if refused:
        raise BadRequest(ended.reason or "The host could not be given another size.")

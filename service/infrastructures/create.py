# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make an infrastructure, or say what it would take."""

from __future__ import annotations

from typing import Any

from ansible_collections.continuum.im.plugins.plugin_utils._topology.model import HostGroup

from ..auth.clouds import CloudAccess, find_region
from ..db.engine import session_scope
from ..db.models import Event, Infrastructure, Owner, Vm, new_id
from ..errors import BadRequest, ServiceError
from ..operations.chosen import configuring
from ..operations.queue import enqueue, wait_for
from .context import REGION, VO, Caller, Service, images_on_site, put_credentials, wait_until
from .definition import Definition
from .document import Document, one_cloud

SYNC_SECONDS = 600.0


def collection_name(key: str) -> str:
    """Return the name of an infrastructure in the collection."""
    return f"im-{key}"


def create(
    service: Service,
    caller: Caller,
    document: Document,
    wait: bool,
    inputs: dict[str, Any] | None = None,
    context: bool = True,
) -> str:
    """Make an infrastructure and return its id. Raises `ServiceError`.

    With `wait`: return when its hosts have been asked for; when none of them could be made, all of it is removed.
    Without `context` they are not configured.
    """
    key = new_id()
    definition = translate(service, caller, document, key, inputs)
    failure = ""
    try:
        access = caller.cloud(service.config, cloud_of(definition, document), images_of(definition))
        region = find_region(access, (group.image for group in definition.topology.groups))
    except BadRequest as error:
        if wait:
            raise
        access, region, failure = CloudAccess("", "", ""), "", error.reason
    hosts = wanted_hosts(definition.counts)
    images = images_on_site(service, caller, access, definition)
    needed = put_credentials(service, caller, key, access, region)
    with session_scope(service.engine) as session:
        found = _row(key, document, definition, access, hosts if not failure else [], inputs or {})
        found.owners = [
            Owner(user=member.user, identity=member.key, position=index)
            for index, member in enumerate(caller.identity.members)
        ]
        found.failure = failure
        found.options = {**found.options, **_kept({REGION: region, VO: access.vo}), **images}
        session.add(found)
        session.flush()
        if failure:
            session.add(Event(infrastructure_id=key, phase="service", status="failed", message=failure))
        operation = None
        if hosts and not failure:
            operation = enqueue(
                session,
                found,
                "create",
                configuring(context),
                caller.identity.user,
                credentials=needed,
                request_id=caller.request_id,
            )
    if operation is not None and wait:
        _wait(service, caller, key, operation.id)
    return key


def translate(
    service: Service, caller: Caller, document: Document, key: str, inputs: dict[str, Any] | None = None
) -> Definition:
    """Return the definition of a document. Raises `BadRequest`."""
    cloud = _cloud_name(service, caller)
    return service.translator.definition(document.template, inputs, cloud, collection_name(key), caller.identity.token)


def _cloud_name(service: Service, caller: Caller) -> str:
    try:
        return caller.cloud(service.config).cloud
    except BadRequest:
        return "local"


def cloud_of(definition: Definition, document: Document) -> str:
    """Return the id of the cloud record that a document names, "" for none. Raises `BadRequest`."""
    named = {group.cloud_id for group in definition.topology.groups if group.cloud_id and group.count}
    return document.cloud_id or one_cloud(named)


def images_of(definition: Definition) -> list[str]:
    """Return the images that hosts are made of, as the template names them."""
    return [group.image for group in definition.topology.groups if group.image and group.count]


def wanted_hosts(counts: dict[str, int], first: int = 0) -> list[dict[str, Any]]:
    """Return the numbered hosts of groups, in the order in which they get their numbers."""
    nodes = [node for node, count in counts.items() for _one in range(count)]
    return [{"id": first + index, "node": node} for index, node in enumerate(nodes)]


def new_vm(number: int, group: HostGroup | None, node: str) -> Vm:
    """Return the row of a host that has been asked for."""
    asked = {"cpus": group.cpus, "memory": group.memory} if group else {}
    return Vm(vm_id=number, node=node, state="pending", extra={"asked": asked})


def _row(
    key: str, document: Document, definition: Definition, access: CloudAccess, hosts: list[dict[str, Any]], inputs: Any
) -> Infrastructure:
    counts = definition.counts
    return Infrastructure(
        id=key,
        name=collection_name(key),
        display_name=definition.display_name or document.name,
        kind=document.kind,
        source=document.source,
        template=document.template,
        inputs=inputs,
        options={
            "configures": definition.configures,
            "template_name": definition.template_name,
            "last_added": counts,
            "radl_nodes": [] if document.is_tosca else list(counts),
        },
        cloud=access.cloud or "local",
        cloud_id=access.id,
        cloud_host=access.host,
        cloud_type=access.type,
        wanted=hosts,
        next_vm_id=len(hosts),
        vms=[new_vm(item["id"], definition.group(item["node"]), item["node"]) for item in hosts],
    )


def _kept(options: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


def _wait(service: Service, caller: Caller, key: str, operation_id: int) -> None:
    """Wait until the hosts are there or cannot be made."""

    def asked(found: Infrastructure) -> bool:
        return all(vm.cloud_id or vm.state not in ("pending",) for vm in found.live_vms) or _ended(
            service, operation_id
        )

    wait_until(service, key, asked, SYNC_SECONDS)
    operation = wait_for(service.engine, operation_id, 0)
    if operation.state != "failed":
        return
    with session_scope(service.engine) as session:
        found = session.get(Infrastructure, key)
        if found is None or any(vm.cloud_id for vm in found.live_vms):
            return
        enqueue(session, found, "delete", {}, caller.identity.user, request_id=caller.request_id)
    raise BadRequest(operation.reason or "No host could be made.")


def _ended(service: Service, operation_id: int) -> bool:
    return wait_for(service.engine, operation_id, 0).finished


def estimate(service: Service, caller: Caller, document: Document) -> dict[str, Any]:
    """Return what an infrastructure would take of which cloud; nothing is made."""
    definition = translate(service, caller, document, new_id())
    access = caller.cloud(service.config, cloud_of(definition, document), images_of(definition))
    compute: list[dict[str, Any]] = []
    storage: list[dict[str, Any]] = []
    for group in definition.topology.groups:
        for _one in range(group.count):
            compute.append(_compute(group))
            storage.extend(_storage(group))
    if not compute:
        return {}
    return {
        access.id: {
            "cloudType": access.type,
            "cloudEndpoint": access.endpoint,
            "compute": compute,
            "storage": storage,
        }
    }


def _compute(group: HostGroup) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cpuCores": int(group.cpus) if group.cpus == int(group.cpus) else group.cpus,
        "memoryInMegabytes": round(group.memory / 10**6),
    }
    if group.disk:
        found["diskSizeInGigabytes"] = round(group.disk / 10**9)
    if group.num_gpus:
        found["GPU"] = group.num_gpus
    if group.public:
        found["publicIP"] = 1
    return found


def _storage(group: HostGroup) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"sizeInGigabytes": round(group.disk / 10**9)}] if group.disk else []
    for volume in group.volumes:
        if volume.size:
            item: dict[str, Any] = {"sizeInGigabytes": round(volume.size / 10**9)}
            if volume.type:
                item["type"] = volume.type
            found.append(item)
    return found


__all__ = ["ServiceError", "collection_name", "create", "estimate", "new_vm", "wanted_hosts"]

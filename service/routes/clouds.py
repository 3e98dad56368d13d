# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/clouds: images and quotas of the clouds that a request names."""

from __future__ import annotations

import os
from typing import Any

from flask import Blueprint, Response, request
from sqlalchemy import select

from ..auth.clouds import CloudAccess, cloud_records, find_cloud
from ..auth.openstack_info import ask
from ..db.engine import read_scope
from ..db.models import Infrastructure, Vm
from ..errors import BadRequest
from ..infrastructures.context import Caller, owned
from .guard import endpoint, one_of, service
from .negotiation import JSON
from .respond import json_answer

blueprint = Blueprint("clouds", __name__)
_PREFIX = "Error getting cloud info"
_FILTERS = ("distribution", "version")
# What the local cloud makes images of; see roles/cloud_local.
LOCAL_IMAGES = (("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04"))


@blueprint.get("/clouds/<cloud>/<param>")
@endpoint(_PREFIX, JSON, ())
def cloud_info(caller: Caller, _media: str, cloud: str, param: str) -> Response:
    """Return the images or the quotas of a cloud."""
    one_of("param", param, ("images", "quotas"))
    filters = _filters() if param == "images" else {}
    access = _access(caller, cloud)
    if access.cloud == "dummy":
        return json_answer({param: _dummy_images() if param == "images" else _dummy_quotas()})
    if access.cloud == "local":
        return json_answer({param: _local_images(filters) if param == "images" else _local_quotas(caller)})
    if access.cloud == "openstack" and access.environment:
        return json_answer({param: ask(access, param, filters)})
    raise BadRequest(f"The {param} of a cloud of type {access.type} cannot be listed here.")


def _access(caller: Caller, cloud: str) -> CloudAccess:
    config = service().config
    known = any(record.get("id") == cloud for record in cloud_records(caller.records))
    if not known and cloud != config.default_cloud:
        raise BadRequest(f"Cloud ID {cloud[:100]} not found.")
    return find_cloud(caller.records, cloud, config.default_cloud, config.dummy_cloud, config)


def _filters() -> dict[str, str]:
    found = {}
    text = request.args.get("filters", "")
    for part in text.split(",") if text else ():
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            error = BadRequest("Invalid format in filters parameter.")
            error.bare = True  # type: ignore[attr-defined]
            raise error
        found[key.strip()] = value.strip().lower()
    return {key: value for key, value in found.items() if key in _FILTERS}


def _dummy_images() -> list[dict[str, str]]:
    return [{"uri": f"mock0://linux.for.ev.er/image{number}", "name": f"Image Name{number}"} for number in (1, 2)]


def _dummy_quotas() -> dict[str, Any]:
    names = ("cores", "ram", "instances", "floating_ips", "security_groups")
    return {name: {"used": 1, "limit": 10} for name in names}


def _local_images(filters: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"uri": f"docker://docker.io/library/{name}:{version}", "name": f"{name.capitalize()} {version}"}
        for name, version in LOCAL_IMAGES
        if filters.get("distribution", name) == name and filters.get("version", version) == version
    ]


def _local_quotas(caller: Caller) -> dict[str, Any]:
    """The machine is what there is; of what is used, the caller is told his own part."""
    with read_scope(service().engine) as session:
        query = select(Vm).join(Infrastructure).where(owned(caller), Infrastructure.cloud == "local")
        vms = list(session.scalars(query.where(Vm.deleted_at.is_(None), Infrastructure.deleted_at.is_(None))))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": {"used": sum(int(vm.facts.get("cpus") or 0) for vm in vms), "limit": os.cpu_count() or 1},
        "ram": {
            "used": round(sum(int(vm.facts.get("memory") or 0) for vm in vms) / 10**9, 1),
            "limit": round(memory / 10**9, 1),
        },
        "instances": {"used": len(vms), "limit": -1},
        "floating_ips": {"used": sum(bool(vm.facts.get("public_ip")) for vm in vms), "limit": -1},
        "security_groups": {"used": 0, "limit": -1},
    }

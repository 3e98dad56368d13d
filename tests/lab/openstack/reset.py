# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empties the project, in the order in which things depend on each other."""

from __future__ import annotations

from typing import Any

from . import describe
from .api import Api, ApiError, wait_until
from .database import Database

Found = dict[str, list[dict[str, Any]]]
_ATTEMPTS = 3
_QUOTAS = ("nova_api.quotas", "cinder.quotas", "neutron.quotas")


class LeftError(Exception):
    """Something could not be removed."""


def empty(api: Api, database: Database) -> None:
    """Remove everything; raises LeftError when something stays."""
    for table in _QUOTAS:
        database.sql(f"delete from {table} where project_id in (select id from keystone.project where name='demo')")
    found: Found = {}
    for _attempt in range(_ATTEMPTS):
        found = _left(database)
        if not any(found.values()):
            return
        try:
            _remove(api, database, found)
        except ApiError as error:
            found["error"] = [{"name": str(error)}]
    found = _left(database)
    if any(found.values()):
        raise LeftError(f"the project could not be emptied: {found}")


def _left(database: Database) -> Found:
    found = describe.everything(database)
    default = {item["id"] for item in found["security_groups"] if item["name"] == "default"}
    found["security_groups"] = [item for item in found["security_groups"] if item["id"] not in default]
    rules = found["security_group_rules"]
    found["security_group_rules"] = [
        item for item in rules if item["security_group_id"] not in default or not _is_given(item, default)
    ]
    return found


def _is_given(rule: dict[str, Any], default: set[str]) -> bool:
    """Return whether neutron gives a rule to each default group."""
    open_way = rule["direction"] == "egress" and not rule["protocol"] and not rule["remote_ip_prefix"]
    return open_way or (rule["direction"] == "ingress" and rule["remote_group_id"] in default)


def _remove(api: Api, database: Database, found: Found) -> None:
    for item in found["servers"]:
        api.delete("nova", f"/servers/{item['id']}")
    wait_until(lambda: not describe.everything(database)["servers"])
    for item in found["server_groups"]:
        api.delete("nova", f"/os-server-groups/{item['id']}")
    for item in found["keypairs"]:
        api.delete("nova", f"/os-keypairs/{item['name']}?user_id={item['user']}")
    _remove_networks(api, found)
    for item in found["snapshots"]:
        api.delete("cinder", f"/snapshots/{item['id']}")
    wait_until(lambda: not describe.everything(database)["snapshots"])
    for item in found["volumes"]:
        _remove_volume(api, item["id"])
    wait_until(lambda: not describe.everything(database)["volumes"])
    for item in found["images"]:
        api.delete("glance", f"/images/{item['id']}")
    for item in found["application_credentials"]:
        database.sql(f"delete from keystone.application_credential where id='{item['id']}'")


def _remove_volume(api: Api, volume: str) -> None:
    api.call("cinder", "POST", f"/volumes/{volume}/action", {"os-reset_status": {"status": "available"}})
    api.call("cinder", "POST", f"/volumes/{volume}/action", {"os-force_delete": {}})


def _remove_networks(api: Api, found: Found) -> None:
    for item in found["floating_ips"]:
        api.delete("neutron", f"/floatingips/{item['id']}")
    for item in found["routers"]:
        for port in api.call("neutron", "GET", f"/ports?device_id={item['id']}")["ports"]:
            if port["device_owner"] == "network:router_interface":
                path = f"/routers/{item['id']}/remove_router_interface"
                api.call("neutron", "PUT", path, {"port_id": port["id"]})
        api.delete("neutron", f"/routers/{item['id']}")
    kinds = {"ports": "ports", "subnets": "subnets", "networks": "networks"}
    for kind, path in kinds.items():
        for item in found[kind]:
            api.delete("neutron", f"/{path}/{item['id']}")
    for item in found["security_group_rules"]:
        api.delete("neutron", f"/security-group-rules/{item['id']}")
    for item in found["security_groups"]:
        api.delete("neutron", f"/security-groups/{item['id']}")

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a project has, read from the databases: plain data that can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .database import Database

Entry = dict[str, Any]
_DEMO = "(select id from keystone.project where name='demo')"
_MINE = f"project_id in {_DEMO}"
# Columns of each kind that neutron has; all have tags.
_NETWORK_KINDS = {
    "networks": ("networks", ()),
    "subnets": ("subnets", ("network_id", "cidr")),
    "routers": ("routers", ("gw_port_id",)),
    "ports": ("ports", ("network_id", "mac_address", "device_id", "device_owner")),
    "security_groups": ("securitygroups", ()),
    "floating_ips": ("floatingips", ("floating_ip_address", "fixed_port_id")),
}
_RULE_COLUMNS = (
    "security_group_id",
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


# Servers that the scheduler has not given to a cell yet.
_OBJECT = '$."nova_object.data"'
_BEGUN = (
    "select json_object('kind', 'servers', 'id', instance_uuid, "
    f"'name', json_value(instance, '{_OBJECT}.display_name'), 'image', json_value(instance, '{_OBJECT}.image_ref'), "
    f"'key', json_value(instance, '{_OBJECT}.key_name'), 'metadata', json_query(instance, '{_OBJECT}.metadata')) "
    f"from nova_api.build_requests where {_MINE}"
)


def everything(database: Database) -> dict[str, list[Entry]]:
    """Return all items of all kinds that users can leave behind."""
    statements = dict(_statements())
    result: dict[str, list[Entry]] = {kind: [] for kind in statements}
    for row in database.rows(*statements.values()):
        result[row.pop("kind")].append(row)
    # A server may be in two places while it moves from one to the other.
    result["servers"] = list({item["id"]: item for item in result["servers"]}.values())
    parts = database.rows(*_PARTS)
    servers = {item["id"]: item for item in result["servers"]}
    volumes = {item["id"]: item for item in [*result["volumes"], *result["snapshots"]]}
    for row in parts:
        owner = (servers if row["of"] == "server" else volumes).get(row["id"])
        if owner is not None:
            owner["metadata"][row["key"]] = row["value"]
    _add_tags(database, [item for kind in _NETWORK_KINDS for item in result[kind]])
    return {kind: sorted(items, key=lambda item: str(item["id"])) for kind, items in result.items()}


def _statements() -> Iterable[tuple[str, str]]:
    yield "servers", " union all ".join([_BEGUN, *(_servers(cell) for cell in ("nova_cell0", "nova_cell1"))])
    for kind, (table, columns) in _NETWORK_KINDS.items():
        name = "'name', name, " if kind != "floating_ips" else "'name', floating_ip_address, "
        more = "".join(f"'{column}', {column}, " for column in columns)
        fields = f"'id', id, {name}{more}'tags', json_array(), 'standard', standard_attr_id"
        yield _select(kind, fields, f"neutron.{table} where {_MINE}")
    rules = ", ".join(f"'{column}', {column}" for column in _RULE_COLUMNS)
    own = f"where {_MINE}"
    yield _select("security_group_rules", f"'id', id, 'name', id, {rules}", f"neutron.securitygrouprules {own}")
    yield _select("keypairs", "'id', id, 'name', name, 'user', user_id", "nova_api.key_pairs")
    yield _select("server_groups", "'id', uuid, 'name', name", f"nova_api.instance_groups {own}")
    named = "'id', id, 'name', display_name, 'metadata', json_object()"
    there = f"deleted=0 and {_MINE}"
    yield _select("volumes", f"{named}, 'size', size", f"cinder.volumes where {there}")
    yield _select("snapshots", f"{named}, 'volume', volume_id", f"cinder.snapshots where {there}")
    yield _select("images", "'id', id, 'name', name", f"glance.images where deleted=0 and owner in {_DEMO}")
    yield _select("application_credentials", "'id', id, 'name', name", "keystone.application_credential")


def _select(kind: str, fields: str, where: str) -> tuple[str, str]:
    return kind, f"select json_object('kind', '{kind}', {fields}) from {where}"


def _servers(cell: str) -> str:
    fields = "'id', uuid, 'name', display_name, 'image', image_ref, 'key', key_name, 'metadata', json_object()"
    return f"select json_object('kind', 'servers', {fields}) from {cell}.instances where deleted=0 and {_MINE}"


def _metadata(of: str, table: str, key: str) -> str:
    fields = f"'of', '{of}', 'id', {key}, 'key', `key`, 'value', value"
    return f"select json_object({fields}) from {table} where deleted=0"


_PARTS = (
    _metadata("server", "nova_cell0.instance_metadata", "instance_uuid"),
    _metadata("server", "nova_cell1.instance_metadata", "instance_uuid"),
    _metadata("volume", "cinder.volume_metadata", "volume_id"),
    _metadata("volume", "cinder.snapshot_metadata", "snapshot_id"),
)


def _add_tags(database: Database, items: list[Entry]) -> None:
    by_number = {item.pop("standard"): item for item in items}
    for row in database.rows("select json_object('of', standard_attr_id, 'tag', tag) from neutron.tags order by tag"):
        if row["of"] in by_number:
            by_number[row["of"]]["tags"].append(row["tag"])

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Route 53 refuses."""

from __future__ import annotations

import ipaddress
import xml.etree.ElementTree as Tree
from collections.abc import Iterator
from typing import Any

from . import account
from .answers import Refused
from .calls import Call

_SPACE = "{https://route53.amazonaws.com/doc/2013-04-01/}"


def check(call: Call, body: bytes, path: str) -> None:
    """Refuse a change of records that Route 53 refuses."""
    if call.action != "ChangeResourceRecordSets" or not body:
        return
    root = Tree.fromstring(body)  # noqa: S314 - the lab's own clients wrote it
    zone = _zone(path.removesuffix("/").removesuffix("/rrset").rpartition("/")[2])
    for change in root.iter(f"{_SPACE}Change"):
        _check_change(change)
        if zone is not None and change.findtext(f"{_SPACE}Action") == "DELETE":
            _check_deletion(zone, change.find(f"{_SPACE}ResourceRecordSet"))


def _zone(name: str) -> Any:
    from moto.route53.models import route53_backends

    return route53_backends[account.ACCOUNT]["aws"].zones.get(name)


def _check_deletion(zone: Any, record: Any) -> None:
    name, kind = (record.findtext(f"{_SPACE}Name") or "").rstrip("."), record.findtext(f"{_SPACE}Type")
    found = [item for item in zone.rrsets if item.name.rstrip(".").lower() == name.lower() and item.type == kind]
    if not found:
        raise _invalid(f"Tried to delete resource record set [name='{name}.', type='{kind}'] but it was not found")
    if all(set(_values(record)) != set(item.records) for item in found):
        text = "but the values provided do not match the current values"
        raise _invalid(f"Tried to delete resource record set [name='{name}.', type='{kind}'] {text}")


def _check_change(change: Any) -> None:
    action = change.findtext(f"{_SPACE}Action")
    record = change.find(f"{_SPACE}ResourceRecordSet")
    name, kind = record.findtext(f"{_SPACE}Name"), record.findtext(f"{_SPACE}Type")
    if action not in ("CREATE", "DELETE", "UPSERT"):
        raise _invalid(f"Invalid action {action}")
    values = list(_values(record))
    if not values and record.find(f"{_SPACE}AliasTarget") is None:
        raise _invalid(f"Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]] for {name} {kind}")
    if values and not record.findtext(f"{_SPACE}TTL"):
        raise _invalid(f"Missing field 'TTL' in Change with {name} {kind}")
    for value in values:
        if kind == "A" and not _is_address(value):
            raise _invalid(f"Invalid Resource Record: 'Value is not a valid IPv4 address' encountered with '{value}'")


def _values(record: Any) -> Iterator[str]:
    for item in record.iter(f"{_SPACE}Value"):
        yield item.text or ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _invalid(text: str) -> Refused:
    return Refused("InvalidChangeBatch", f"[{text}]")

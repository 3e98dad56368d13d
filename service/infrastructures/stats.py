# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures of the infrastructures of a user, deleted ones included."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, defer, selectinload

from ..db.models import Infrastructure, Vm
from ..errors import BadRequest
from .context import Caller, owned

_SEALED = (Infrastructure.source, Infrastructure.template, Infrastructure.inputs, Infrastructure.outputs)
COLUMNS = (
    *("creation_date", "tosca_name", "vm_count", "cpu_count", "memory_size", "cloud_type", "cloud_host", "hybrid"),
    *("deleted", "im_user", "inf_id", "last_date"),
)


def read_date(text: str | None, name: str) -> date | None:
    """Return the date of a parameter. Raises `BadRequest`."""
    if not text:
        return None
    try:
        return datetime.strptime(text.replace("/", "-"), "%Y-%m-%d").date()
    except ValueError:
        raise BadRequest(f"Incorrect format in {name} parameter: YYYY/MM/dd") from None


def statistics(session: Session, caller: Caller, first: date | None, last: date | None) -> list[dict[str, Any]]:
    """Return one row for each infrastructure that was made between two days."""
    query = select(Infrastructure).where(owned(caller)).order_by(Infrastructure.created_at.desc())
    query = query.options(selectinload(Infrastructure.vms), selectinload(Infrastructure.owners))
    query = query.options(*(defer(column) for column in _SEALED))
    if first is not None:
        query = query.where(Infrastructure.created_at >= datetime(first.year, first.month, first.day, tzinfo=UTC))
    if last is not None:
        end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1)
        query = query.where(Infrastructure.created_at < end)
    return [_row(found) for found in session.scalars(query)]


def as_csv(rows: Iterable[dict[str, Any]]) -> str:
    """Return the rows as a table. A text that a spreadsheet would take for a formula is kept from being one."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return file.getvalue()


def _cell(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _row(found: Infrastructure) -> dict[str, Any]:
    last = found.deleted_at or found.updated_at
    return {
        "creation_date": found.created_at.strftime("%Y-%m-%d %H:%M:%S"),
        "tosca_name": str(found.options.get("template_name") or ""),
        "vm_count": len(found.vms),
        "cpu_count": round(sum(_size(vm, "cpus") for vm in found.vms)),
        "memory_size": round(sum(_size(vm, "memory") for vm in found.vms) / 10**6),
        "cloud_type": found.cloud_type,
        "cloud_host": found.cloud_host,
        "hybrid": False,
        "deleted": found.deleted_at is not None,
        "im_user": found.owners[0].user if found.owners else "",
        "inf_id": found.id,
        "last_date": last.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _size(vm: Vm, name: str) -> float:
    value = {**vm.extra.get("asked", {}), **{key: item for key, item in vm.facts.items() if item}}.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0

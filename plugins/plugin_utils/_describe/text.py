# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology as plain data and as a table, for people who want to know what a template makes before it is made."""

from __future__ import annotations

import dataclasses
from typing import Any

from .._topology.model import Function, HostGroup, Port, Step, Topology, Volume, Workload

_UNITS = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_DECIMAL = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6))
_EVERYBODY = ("0.0.0.0/0", "::/0")


def describe(topology: Topology) -> dict[str, Any]:
    """Return `{name, networks, groups, workloads, functions, recipes, galaxy, outputs, notices}` for JSON.

    Sizes are bytes. Values of inputs are not part of it, since they may be secret.
    """
    return {
        "name": topology.name,
        "networks": [
            {
                "name": network.name,
                "public": network.public,
                "cidr": network.cidr,
                "provider_id": network.provider_id,
                "gateway": network.gateway,
                "proxy": network.proxy.host if network.proxy else None,
            }
            for network in topology.networks
        ],
        "groups": [_group(group, topology.steps) for group in topology.groups],
        "workloads": [_workload(item) for item in topology.workloads],
        "functions": [_function(item) for item in topology.functions],
        "recipes": [recipe.reference or "(in the template)" for recipe in topology.recipes],
        "galaxy": [dataclasses.asdict(item) for item in topology.galaxy],
        "outputs": list(topology.outputs),
        "notices": list(topology.notices),
    }


def table(description: dict[str, Any]) -> list[str]:
    """Return the lines of a table: hosts with their software, then what runs without hosts, then outputs."""
    rows: list[tuple[str, ...]] = [("GROUP", "HOSTS", "CPUS", "MEMORY", "NETWORKS", "OPEN", "DISKS", "SOFTWARE")]
    for group in description["groups"]:
        cells = (
            group["name"],
            str(group["count"]),
            f"{group['cpus']:g}",
            size(group["memory"]) or "any",
            ", ".join(group["networks"]) + (" (public)" if group["public"] else ""),
            ", ".join(group["ports"]) or "-",
            ", ".join(f"{disk['size']} at {disk['mount'] or '-'}" for disk in group["volumes"]) or "-",
        )
        software = [f"{item['name']} ({', '.join(item['runs'])})" for item in group["software"]] or ["-"]
        rows.append((*cells, software[0]))
        rows.extend(("", "", "", "", "", "", "", line) for line in software[1:])
    lines = _aligned(rows) if description["groups"] else []
    lines += [f"container {item['name']}: {item['image']}" for item in description["workloads"]]
    lines += [f"function {item['name']}: {item['image']}" for item in description["functions"]]
    lines += [f"outputs: {', '.join(description['outputs'])}"] if description["outputs"] else []
    return [*lines, *(f"note: {notice}" for notice in description["notices"])]


def size(number: int) -> str:
    """Return bytes in the unit they were written in, as far as it can be told, else in a binary one ("" for 0)."""
    for unit, factor in _DECIMAL:
        if number and number % factor == 0 and number % 2**20:
            return f"{number // factor} {unit}"
    for unit, factor in _UNITS:
        if number >= factor:
            return f"{number / factor:.4g} {unit}"
    return f"{number} B" if number else ""


def port_text(port: Port) -> str:
    """Return `80`, `8000-8010`, `53/udp`, or `80 -> 8080`, with the range of addresses that may come."""
    text = str(port.first) if port.first == port.last else f"{port.first}-{port.last}"
    text += "/udp" if port.protocol == "udp" else ""
    text += f" -> {port.target}" if port.target != port.first else ""
    return text + (f" from {port.remote_cidr}" if port.remote_cidr and port.remote_cidr not in _EVERYBODY else "")


def _group(group: HostGroup, steps: tuple[Step, ...]) -> dict[str, Any]:
    software: dict[str, dict[str, Any]] = {}
    for step in steps:
        if step.group == group.node and step.phase == "configure":
            entry = software.setdefault(step.node, {"name": step.node, "level": step.level, "runs": []})
            entry["runs"].append(step.recipe.file if step.recipe else step.role.rpartition(".")[2])
    return {
        "name": group.node,
        "count": group.count,
        "public": group.public,
        "cpus": group.cpus,
        "memory": group.memory,
        "disk": group.disk,
        "instance_type": group.instance_type,
        "image": group.image,
        "system": " ".join(word for word in (group.distribution, group.version) if word),
        "gpus": group.num_gpus,
        "hostname": group.hostname,
        "dns_names": list(group.dns_names),
        "networks": list(group.networks),
        "ports": [port_text(port) for port in group.ports],
        "volumes": [_volume(volume) for volume in group.volumes],
        "cloud_id": group.cloud_id,
        "software": list(software.values()),
    }


def _volume(volume: Volume) -> dict[str, Any]:
    return {"name": volume.name, "size": size(volume.size) or volume.volume_id, "mount": volume.mount}


def _workload(item: Workload) -> dict[str, Any]:
    ports = [port_text(port) for port in (*item.ports, *item.exposed)]
    return {"name": item.node, "image": item.image, "count": item.count, "ports": ports, "namespace": item.namespace}


def _function(item: Function) -> dict[str, Any]:
    image = str(item.properties.get("image") or item.properties.get("code") or "")
    return {"name": item.node, "image": image, "count": item.count, "memory": item.memory, "group": item.group}


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

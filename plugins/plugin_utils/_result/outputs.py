# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outputs of a template, from the hosts that are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._parse.expressions import decode
from .._run.evaluate import Instance, Scene, evaluate


def output_values(
    outputs: dict[str, Any],
    instances: list[Instance],
    key_file: str,
    ansible_output: dict[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    functions: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return name -> value; None while a value is unknown.

    `ansible_output` is what debug tasks printed, by play and task; `secrets` are the secret inputs, `functions` what a
    cloud for functions reports.

    A credential says where the private key lies (`key_file`), not what it is: outputs are shown and stored.
    """

    def credential(instance: Instance) -> dict[str, Any]:
        return {"user": instance.get("user"), "token_type": "private_key", "key_file": key_file}

    by_node = {item["node"]: item for item in functions or []}
    scene = Scene(
        instances,
        credential=credential,
        secrets=secrets or {},
        ansible_output=ansible_output or {},
        functions=by_node,
    )
    return {name: evaluate(decode(value), scene) for name, value in outputs.items()}


def summary(
    instances: list[Instance],
    outputs: dict[str, Any],
    ssh_config: str,
    functions: list[dict[str, Any]] | None = None,
) -> list[str]:
    """Return the lines that end a deployment: a table of the hosts, the outputs, how to log in.

    `ssh_config` is the path of the file that `_run.hosts.ssh_config` gives the text of. Without hosts there may be
    `functions`.
    """
    if functions and not instances:
        lines = [f"function {item['name']} ({item['node']}): {item['arn']}, {item['state']}" for item in functions]
        return lines + [f"{name}: {value}" for name, value in outputs.items() if value is not None]
    rows = [("HOST", "GROUP", "NAME", "ADDRESS", "STATE")]
    for item in sorted(instances, key=lambda entry: int(entry["id"])):
        address = item.get("public_ip") or item.get("private_ip") or "-"
        rows.append((item["name"], item["node"], item["hostname"], address, item["state"]))
    widths = [max(len(str(row[column])) for row in rows) for column in range(5)]
    lines = [
        "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines += [f"{name}: {value}" for name, value in outputs.items() if value is not None]
    lines += [f"port {_port(port)}" for item in instances for port in item.get("ports") or []]
    clouds = list(dict.fromkeys(str(item["cloud"]) for item in instances if item.get("cloud")))
    if len(clouds) > 1:
        lines += [f"on {cloud}: {', '.join(_names_on(cloud, instances))}" for cloud in clouds]
        lines.append(_BETWEEN.format(" and ".join(clouds)))
    first = next((item for item in instances if item.get("public_ip")), None)
    if first is not None:
        lines.append(f"log in: ssh -F {ssh_config} {first['hostname']}")
    return lines


_BETWEEN = (
    "Hosts on {} have no private network in common: they reach each other at public addresses only, and only at ports "
    "that the template opens."
)


def _names_on(cloud: str, instances: list[Instance]) -> list[str]:
    return [item["hostname"] for item in instances if item.get("cloud") == cloud]


def _port(port: dict[str, Any]) -> str:
    here = f"{port.get('host_address')}:{port.get('host_port')}"
    return f"{port.get('target')}/{port.get('protocol')} of the host is {here} here"

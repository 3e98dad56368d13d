# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PortSpec (profile, section 1.2): maps and lists of port specifications become `Port`s."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from .._errors import Problems
from .._parse.loader import Document, Path
from .model import Port

SSH = Port("tcp", 22, 22, 22)
_PROTOCOLS = ("tcp", "udp")
_HINT = "Ports are whole numbers from 1 to 65535; give 'source', 'target' or 'source_range: [first, last]'."


def read_ports(endpoint: dict[str, Any], document: Document, path: Path, problems: Problems) -> list[Port]:
    """Return the ports of an endpoint capability; `path` is its place. Bad specifications are noted in `problems`."""
    result: list[Port] = []
    for name, spec in _specifications(endpoint):
        position = document.at(*path, "ports", name)
        try:
            result.append(_port(spec))
        except ValueError as error:
            problems.add("bad-port", f"Port '{name}': {error}.", position, _HINT)
    return result


def _specifications(endpoint: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    ports = endpoint.get("ports")
    if isinstance(ports, dict):
        yield from ports.items()
    elif isinstance(ports, list):
        yield from enumerate(ports)
    elif ports not in (None, ""):
        yield "ports", ports
    if endpoint.get("port") not in (None, "", 0):
        keys = ("protocol", "remote_cidr")
        yield "port", {"source": endpoint["port"], **{key: endpoint[key] for key in keys if endpoint.get(key)}}


def _port(spec: Any) -> Port:
    if not isinstance(spec, dict):
        raise ValueError(f"'{spec}' is not a port specification")
    protocol = str(spec.get("protocol") or "tcp").lower()
    if protocol not in _PROTOCOLS:
        raise ValueError(f"the protocol '{protocol}' is not tcp or udp")
    cidr = _cidr(spec.get("remote_cidr"))
    if spec.get("source_range"):
        first, last = _range(spec["source_range"])
        return Port(protocol, first, last, first, cidr)
    source, target = spec.get("source"), spec.get("target")
    if source in (None, "") and target in (None, ""):
        raise ValueError("neither 'source' nor 'target' is given")
    first = _number(source if source not in (None, "") else target)
    return Port(protocol, first, first, _number(target) if target not in (None, "") else first, cidr)


def _range(value: Any) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError(f"the range '{value}' is not a list of two numbers")
    first, last = _number(value[0]), _number(value[1])
    if first > last:
        raise ValueError(f"the range {first}-{last} is empty")
    return first, last


def _number(value: Any) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise ValueError(f"'{value}' is not a port number")
    return int(text)


def _cidr(value: Any) -> str | None:
    if value in (None, ""):
        return None
    try:
        return str(ipaddress.ip_network(str(value), strict=False))
    except ValueError:
        raise ValueError(f"'{value}' is not a network such as 10.0.0.0/8") from None

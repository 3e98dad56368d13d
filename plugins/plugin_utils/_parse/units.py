# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalar units (TOSCA Simple Profile 1.3, section 3.3.6): sizes, times and frequencies as numbers."""

from __future__ import annotations

import re
from typing import Any

SIZE = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
    "TIB": 2**40,
    # As Kubernetes writes them.
    "KI": 2**10,
    "MI": 2**20,
    "GI": 2**30,
    "TI": 2**40,
}
TIME = {"D": 86400.0, "H": 3600.0, "M": 60.0, "S": 1.0, "MS": 1e-3, "US": 1e-6, "NS": 1e-9}
FREQUENCY = {"HZ": 1.0, "KHZ": 1e3, "MHZ": 1e6, "GHZ": 1e9}
UNITS: dict[str, dict[str, Any]] = {
    "scalar-unit.size": SIZE,
    "scalar-unit.time": TIME,
    "scalar-unit.frequency": FREQUENCY,
}
_SCALAR = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$")


def parse_scalar(value: Any, kind: str) -> float:
    """Return the number of base units (bytes, seconds, hertz) that `value` ("4 GiB") stands for.

    `kind` is a key of `UNITS`. Raises ValueError with a sentence for the user.
    """
    table = UNITS[kind]
    match = _SCALAR.match(value) if isinstance(value, str) else None
    if match is None or match.group(2).upper() not in table:
        shown = value if isinstance(value, (str, int, float)) else type(value).__name__
        raise ValueError(f"'{shown}' is not a number with a unit out of {', '.join(_names(kind))}")
    return float(match.group(1)) * float(table[match.group(2).upper()])


def parse_size(value: Any) -> int:
    """Return a size in bytes; decimal (GB) and binary (GiB) units are told apart. Raises ValueError."""
    return int(parse_scalar(value, "scalar-unit.size"))


def _names(kind: str) -> list[str]:
    if kind == "scalar-unit.size":
        return ["B", "kB", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB"]
    return [name.lower() if kind.endswith("time") else name.capitalize() for name in UNITS[kind]]

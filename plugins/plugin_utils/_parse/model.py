# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node templates and requirements as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .library import Operation
from .loader import Path


@dataclass(frozen=True)
class Requirement:
    """An edge from a node to another one, with the operations of its relationship."""

    name: str
    source: str
    target: str
    relationship: str
    properties: dict[str, Any]
    path: Path
    operations: dict[str, Operation] = field(default_factory=dict)


@dataclass
class Node:
    """A node template. Values still hold TOSCA functions; `path` is its place in the document."""

    name: str
    type: str
    path: Path
    properties: dict[str, Any] = field(default_factory=dict)
    capabilities: dict[str, dict[str, Any]] = field(default_factory=dict)
    capability_types: dict[str, str] = field(default_factory=dict)
    requirements: list[Requirement] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)
    artifacts: dict[str, Any] = field(default_factory=dict)
    template: dict[str, Any] = field(default_factory=dict, repr=False)

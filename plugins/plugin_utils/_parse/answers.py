# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of an AWX survey: one variable an input, since a survey knows no mappings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .loader import Document

PREFIX = "im_input_"


def declared_inputs(document: Document) -> dict[str, dict[str, Any]]:
    """Return the declarations of the inputs by name; what is no mapping is an empty declaration."""
    topology = document.data.get("topology_template") if isinstance(document.data, dict) else None
    inputs = topology.get("inputs") if isinstance(topology, dict) else None
    found = inputs if isinstance(inputs, dict) else {}
    return {name: schema if isinstance(schema, dict) else {} for name, schema in found.items()}


def variables_of(names: Iterable[Any]) -> dict[str, str]:
    """Return the variable of each input by the name of the input. Variables have letters, digits and underscores."""
    found: dict[str, str] = {}
    for name in names:
        plain = variable = PREFIX + re.sub(r"[^A-Za-z0-9_]", "_", str(name))
        number = 1
        while variable in found.values():
            number += 1
            variable = f"{plain}_{number}"
        found[name] = variable
    return found


def answered_inputs(answers: Mapping[str, Any], names: Iterable[Any]) -> dict[str, Any]:
    """Return the values of inputs that the variables `answers` hold.

    An empty answer is none: AWX sends empty text for questions that are left out. What belongs to no input keeps its
    name, so that it is refused like any unknown input.
    """
    inputs = {variable: name for name, variable in variables_of(names).items()}
    return {
        inputs.get(variable, str(variable).removeprefix(PREFIX)): value
        for variable, value in answers.items()
        if value is not None and value not in ("", [])
    }

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tosca-parser as the judge of the grammar, with its messages turned into our diagnostics.

The parser gets the template as data with our type library merged in, so it never opens a file or a connection. Its
messages carry no place: the names in them are looked up in the document.
"""

from __future__ import annotations

import copy
import re
import threading
from typing import Any

from .._errors import Position, Problems
from .library import SECTIONS, Library
from .loader import Document
from .nodes import NODES

_OUR_FUNCTIONS = ("get_attribute", "get_property", "get_operation_output", "token")
# The parser keeps its definitions in class attributes: one template at a time.
_LOCK = threading.Lock()
_HINT = "See the TOSCA Simple Profile 1.3, and docs/catalogue.md for what this collection adds."


def check_grammar(document: Document, inputs: dict[str, Any], library: Library, problems: Problems) -> None:
    """Note everything in `problems` that tosca-parser finds wrong; `inputs` are the values of the inputs."""
    from toscaparser.common.exception import ExceptionCollector, ValidationError
    from toscaparser.tosca_template import ToscaTemplate

    content = _self_contained(document.data, library)
    known = {name: value for name, value in inputs.items() if value is not None}
    with _LOCK:
        try:
            ToscaTemplate(yaml_dict_tpl=content, parsed_params=known)
            messages: list[str] = []
        except ValidationError:
            messages = [str(error) for error in ExceptionCollector.getExceptions()]
        except Exception as error:  # the parser lets bare KeyError, TypeError ... escape (profile, section 5.4)
            messages = [f"The TOSCA parser cannot read this template ({type(error).__name__}: {error})."]
        finally:
            ExceptionCollector.stop()
    for message in dict.fromkeys(messages):
        line = " ".join(message.split())
        problems.add("tosca", line if line.endswith(".") else line + ".", _place(line, document), _HINT)


def _self_contained(data: dict[str, Any], library: Library) -> dict[str, Any]:
    from toscaparser.elements.entity_type import EntityType

    content = {key: copy.deepcopy(value) for key, value in data.items() if key not in ("imports", "repositories")}
    for section in SECTIONS:
        normative = EntityType.TOSCA_DEF
        own = {name: body for name, body in library.types[section].items() if normative.get(name) is not body}
        if own and section != "artifact_types":
            content[section] = own
    topology = content.get("topology_template")
    if isinstance(topology, dict):
        for node in (topology.get("node_templates") or {}).values():
            node["type"] = library.resolve("node_types", node["type"])
        _neutralise(topology)
    return content


def _neutralise(value: Any) -> None:
    """Hide from the parser what our own resolver has checked already, and what it wrongly refuses (profile, section 5).

    `get_attribute` of capabilities or of software, `get_input` with further keys, sizes as Kubernetes writes them.
    """
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, dict):
            call = next(iter(item.items())) if len(item) == 1 else ("", None)
            nested = call[0] == "get_input" and isinstance(call[1], list) and len(call[1]) > 1
            if nested or call[0] in _OUR_FUNCTIONS:
                item.clear()
                item["concat"] = [""]
            _neutralise(item)
        elif isinstance(item, list):
            _neutralise(item)
        elif isinstance(item, str) and key == "mem_size" and re.fullmatch(r"\d+ *[KMGT]i", item):
            value[key] = f"{item}B"


def _place(message: str, document: Document) -> Position:
    quoted = re.findall(r'"([^"]+)"', message)
    topology = document.data.get("topology_template") or {}
    nodes = topology.get("node_templates") or {}
    for word in quoted:
        for name in (word, word.split(" ")[-1]):
            if name in nodes:
                return document.at_key(*NODES, name)
    for section in ("inputs", "outputs"):
        for word in quoted:
            if isinstance(topology.get(section), dict) and word in topology[section]:
                return document.at_key("topology_template", section, word)
    for word in quoted:
        for path, position in document.keys.items():
            if path[-1] == word:
                return position
    return document.at("topology_template")

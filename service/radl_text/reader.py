# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read RADL, text or JSON, with the library `radl`; no text of a user is ever taken as the name of a file."""

from __future__ import annotations

import copy
import json
import re
import threading
from typing import Any

from radl.radl import RADL, RADLParseException
from radl.radl_json import p_aspect
from radl.radl_parse import RADLParser

from ..errors import BadRequest

_CLASSES = ("network", "system", "ansible", "configure", "contextualize", "deploy", "description")
_PREFIX = "Error parsing request body: "
_ONE = threading.Lock()  # the tables of the parser are shared by all of its instances
_TOKEN = re.compile(r"LexToken\((\w+),(.*),(\d+),\d+\)$", re.DOTALL)
_MOST_HOSTS = 1000
_MOST_TEXT = 512 * 1024
# The library looks through all sections for each new one.
_MOST_SECTIONS = 1000
_SECTION = re.compile(r"^\s*(?:network|system|configure|deploy|ansible)\s", re.MULTILINE)


def read_text(text: str) -> Any:
    """Return the RADL document of a text; an empty text is an empty document. Raises `BadRequest`."""
    if not text.strip():
        return RADL()
    if len(text) > _MOST_TEXT or len(_SECTION.findall(text)) > _MOST_SECTIONS:
        raise BadRequest(_PREFIX + "The document is too long.")
    try:
        with _ONE:
            found = RADLParser(lextab="radl").parse(text + "\n")
    except Exception as error:
        raise BadRequest(_PREFIX + _sentence(error)) from None
    return RADL() if found is None else found


def read_json(text: str) -> Any:
    """Return the RADL document of its JSON form. Raises `BadRequest`."""
    if not text.strip():
        return RADL()
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{_PREFIX}{error}") from None
    return read_items(items)


def read_items(items: Any) -> Any:
    """Return the RADL document of the JSON form as data. Raises `BadRequest`."""
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise BadRequest(_PREFIX + "RADL in JSON is a list of objects.")
    if len(items) > _MOST_SECTIONS:
        raise BadRequest(_PREFIX + "The document is too long.")
    found = RADL()
    for item in items:
        if item.get("class") not in _CLASSES:
            raise BadRequest(f"{_PREFIX}'class' of an object is one of {', '.join(_CLASSES)}.")
        try:
            found.add(p_aspect(copy.deepcopy(item)))
        except KeyError as error:
            raise BadRequest(f"{_PREFIX}A {item['class']} needs {error}.") from None
        except Exception as error:
            raise BadRequest(_PREFIX + _sentence(error)) from None
    return found


def check(document: Any) -> None:
    """Check a document that refers to nothing outside of itself. Raises `BadRequest`."""
    try:
        document.check()
    except Exception as error:
        raise BadRequest(_PREFIX + _sentence(error)) from None
    check_counts(document)


def check_counts(document: Any) -> None:
    """Refuse numbers of hosts that nobody means. Raises `BadRequest`."""
    for item in document.deploys:
        number = item.vm_number
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise BadRequest(f"{_PREFIX}'deploy {item.id}' needs a whole number of hosts.")
    if sum(item.vm_number for item in document.deploys) > _MOST_HOSTS:
        raise BadRequest(f"{_PREFIX}More than {_MOST_HOSTS} hosts in one request.")


def _sentence(error: Exception) -> str:
    """Return what is wrong in words; the library shows its tokens."""
    text = str(error) or "this is not RADL"
    if isinstance(error, RADLParseException) or text:
        match = _TOKEN.search(text)
        if match:
            return f"Line {match.group(3)}: Parse error at {match.group(2)}."
        if "Parse error in: None" in text:
            return "Parse error: the document ends too early."
    return text.splitlines()[0][:300]

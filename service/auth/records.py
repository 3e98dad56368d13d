# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header `Authorization`: credentials of the user towards the service and towards the clouds, as records.

Three forms are read: lines of `key = value` pairs, a JSON list of objects, and the standard `Bearer` and `Basic`.
Nothing is looked up here: a value such as `file(/etc/passwd)` is a value and nothing else.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from ..errors import BadRequest

Record = dict[str, str]
SERVICE = "InfrastructureManager"
_ID = re.compile(r"[A-Za-z_.][A-Za-z0-9_.-]*")
# Two characters, backslash and n, part records; with one more backslash before them they are a newline in a value.
_END_OF_RECORD = re.compile(r"(?<!\\)\\n|[\r\n]+")
_NEWLINE = "\\\\n"
_QUOTES = "'\""
_MOST_RECORDS = 100


def read_header(text: str) -> list[Record]:
    """Return the records of a header, in their order. Raises `BadRequest` for an id that cannot be one."""
    text = text.strip()
    scheme, _blank, rest = text.partition(" ")
    if is_bearer(text):
        records = [{"type": SERVICE, "token": rest.strip()}]
    elif scheme.lower() == "basic" and rest.strip():
        records = _basic(rest.strip())
    else:
        found = _json(text)
        records = _lines(text) if found is None else found
    return [_with_id(record, index) for index, record in enumerate(records[:_MOST_RECORDS])]


def is_bearer(text: str) -> bool:
    """Tell whether a header is a bearer token and nothing else."""
    scheme, _blank, rest = text.strip().partition(" ")
    return scheme.lower() == "bearer" and bool(rest.strip())


def write_header(records: list[Record]) -> str:
    """Return records as one header of lines; `read_header` of it gives the records again."""
    return "\\n".join("; ".join(f"{key} = {_quoted(value)}" for key, value in record.items()) for record in records)


def _basic(text: str) -> list[Record]:
    try:
        user, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [{"type": SERVICE, "username": user, "password": password}] if colon else []


def _json(text: str) -> list[Record] | None:
    """Return the records of a JSON list or object; None when the text is not one."""
    if text[:1] not in "[{":
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    items = found if isinstance(found, list) else [found]
    return [_plain(item) for item in items if isinstance(item, dict)]


def _plain(item: dict[str, Any]) -> Record:
    return {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in item.items()
            if value is not None}  # fmt: skip


def _lines(text: str) -> list[Record]:
    found = []
    for line in _END_OF_RECORD.split(text):
        line = line.replace(_NEWLINE, "\n").strip()
        if not line or line.startswith("#"):
            continue
        record = _pairs(line)
        if record:
            found.append(record)
    return found


def _pairs(line: str) -> Record:
    """Return the pairs of one line; a part that is no pair ends the record, what stands before it stays valid."""
    record: Record = {}
    for part in _parts(line):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            break
        record[_unquoted(key)] = _unquoted(value)
    return record


def _parts(line: str) -> Iterator[str]:
    """Cut at semicolons outside of quotes. A quote counts where a key or a value begins, so that O'Neil is a name."""
    start, quote, fresh = 0, "", True
    for index, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in _QUOTES and fresh and letter in line[index + 1 :]:
            quote = letter
        elif letter == ";":
            yield line[start:index]
            start = index + 1
        fresh = letter in "=;" or (fresh and letter.isspace())
    yield line[start:]


def _unquoted(text: str) -> str:
    text = text.strip(" \t")
    if len(text) > 1 and text[0] in _QUOTES and text[-1] == text[0]:
        return text[1:-1]
    return text.strip()


def _quoted(value: str) -> str:
    quote = "'" if "'" not in value else '"'
    return f"{quote}{value}{quote}".replace("\n", _NEWLINE)


def valid_id(name: str) -> bool:
    """Tell whether a record may have this id."""
    return _ID.fullmatch(name) is not None


def _with_id(record: Record, index: int) -> Record:
    kind = record.get("type", "")
    name = record.get("id")
    if name is None:
        return {**record, "id": f"{kind}{index}"}
    if not valid_id(name):
        raise BadRequest(f"Incorrect value in auth item id: {name[:60]}")
    return record

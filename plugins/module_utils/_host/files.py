# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contents of files on a host."""

from __future__ import annotations

import base64
import os
import tempfile
from typing import Any


def read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def content_of(wanted: dict[str, Any], before: bytes | None) -> bytes:
    """Return what the file shall contain."""
    if wanted["kind"] == "random":
        return before or os.urandom(wanted["size"])
    if wanted["kind"] == "secret":
        return base64.b64decode(wanted["secret"])
    text: bytes = wanted["content"].encode()
    if wanted["kind"] == "content" or not before:
        return text
    if text in before:
        return before
    return before + (b"" if before.endswith(b"\n") else b"\n") + text


def replace(path: str, content: bytes, mode: int, uid: int = -1, gid: int = -1) -> None:
    """Replace a file in one step; it is never readable by more than it shall be."""
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".continuum-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            os.fchmod(handle, mode)
            os.fchown(handle, uid, gid)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search by a pattern of a user. Some patterns take for ever on some texts: those run in a process of their own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from ..errors import BadRequest

_MOST_PATTERN = 200
_SECONDS = 5.0
_MOST_TEXT = 1024 * 1024
# Letters, dots and anchors are searched in linear time.
_SIMPLE = re.compile(r"\^?[\w .,:;@/<>=!%&'\"~-]*\$?")
_PROGRAM = """
import json, re, sys
pattern, texts = json.load(sys.stdin)
expression = re.compile(pattern)
json.dump([any(expression.search(text) for text in item) for item in texts], sys.stdout)
"""


def matching(pattern: str, items: Sequence[Sequence[str]]) -> list[bool]:
    """Return for each item whether one of its texts matches. Raises `BadRequest` for a pattern that cannot be used."""
    if len(pattern) > _MOST_PATTERN:
        raise BadRequest("The filter is too long.")
    try:
        expression = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise BadRequest(f"The filter is not a regular expression: {error}.") from None
    texts = [[text[:_MOST_TEXT] for text in item] for item in items]
    if _SIMPLE.fullmatch(pattern):
        return [any(expression.search(text) for text in item) for item in texts]
    return _elsewhere(pattern, texts)


def _elsewhere(pattern: str, texts: list[list[str]]) -> list[bool]:
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM]
    told = json.dumps([pattern, texts])
    try:
        done = subprocess.run(command, input=told, capture_output=True, text=True, timeout=_SECONDS, check=True)
        found: list[bool] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise BadRequest("The filter takes too long.") from None
    except (subprocess.CalledProcessError, ValueError):
        raise BadRequest("The filter cannot be used.") from None
    return found

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking secrets out of texts before they are kept anywhere."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

STARS = "********"
_SHORTEST = 4
_SHORTEST_ENCODED = 6
_SHORTEST_LINE = 16
# What is a secret by its looks, whoever made it.
_LOOKS = [
    re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
]


class Redactor:
    """Replaces known secrets, also in the forms in which programs print them, and what looks like a private key."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._words: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Know more secrets."""
        for secret in secrets:
            self._words.update(_forms(secret))
        ordered = sorted(self._words, key=len, reverse=True)
        parts = [re.escape(word) if len(word) >= _SHORTEST else rf"(?<!\w){re.escape(word)}(?!\w)" for word in ordered]
        self._pattern = re.compile("|".join(parts)) if parts else None

    def text(self, text: str) -> str:
        """Return the text without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(STARS, text)
        for pattern in _LOOKS:
            text = pattern.sub(STARS, text)
        return text

    def data(self, value: Any) -> Any:
        """Return data without secrets, names of mappings included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(name)): self.data(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.data(item) for item in value]
        return value


def _forms(secret: str) -> Iterator[str]:
    stripped = secret.strip()
    if not stripped:
        return
    lines = [line.strip() for line in stripped.splitlines()]
    long_lines = [line for line in lines if len(line) >= _SHORTEST_LINE] if len(lines) > 1 else []
    for word in dict.fromkeys((secret, stripped, *long_lines)):
        yield word
        if len(word) < _SHORTEST:
            continue
        yield from (quote(word), quote(word, safe=""), quote_plus(word), shlex.quote(word).strip("'"))
        yield from (json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1], repr(word)[1:-1])
        yield json.dumps(json.dumps(word)[1:-1])[1:-1]
        if len(word) >= _SHORTEST_ENCODED:
            yield from _base64_forms(word.encode())


def _base64_forms(word: bytes) -> Iterator[str]:
    """The part of an encoded text that depends on the word alone, wherever in the text it stands."""
    for offset in range(3):
        padded = b"\0" * offset + word
        whole = len(padded) // 3 * 3
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(padded[:whole]).decode("ascii")[4 if offset else 0 :]
            if len(text) >= _SHORTEST_ENCODED:
                yield text

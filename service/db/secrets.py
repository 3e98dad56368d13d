# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sealing of what must not be readable in the database."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class SealError(Exception):
    """A sealed text cannot be opened with this key."""


class SecretBox:
    """Seals texts with a Fernet key. Older keys may stand behind it, parted by commas or lines: they still open."""

    def __init__(self, key: str) -> None:
        keys = key.replace(",", " ").split()
        try:
            self._fernet = MultiFernet([Fernet(item) for item in keys])
        except ValueError:
            raise SealError("The key that seals secrets is no Fernet key.") from None

    @classmethod
    def from_file(cls, path: str) -> SecretBox:
        """Return a box of the key in a file; the file is made, readable by its owner only, when it is not there."""
        file = Path(path)
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(file)
        return cls(file.read_text(encoding="ascii"))

    def seal(self, text: str) -> str:
        """Return the sealed form of a text."""
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return the text; raises `SealError` when the key is another one."""
        try:
            return self._fernet.decrypt(sealed.encode("ascii")).decode()
        except (InvalidToken, UnicodeEncodeError):
            raise SealError("A secret in the database was sealed with another key.") from None


def _make(file: Path) -> None:
    """Make a key file as a whole: of several processes or threads that do so at the same time, one wins and all
    read its key."""
    draft = file.with_name(f"{file.name}.{uuid.uuid4().hex}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as handle:
        handle.write(Fernet.generate_key().decode("ascii") + "\n")
    try:
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink()

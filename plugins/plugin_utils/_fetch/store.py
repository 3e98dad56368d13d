# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recipes are fetched once: by their SHA-256 they are kept in a store, and a project pins what it was written with."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .._errors import Diagnostic, Position, TemplateError
from .._site import Site

MAX_BYTES = 4 * 1024 * 1024
# Returns at most so many bytes of a URL; raises OSError or ValueError.
Download = Callable[[str, int], bytes]


@dataclass(frozen=True)
class Fetched:
    """The content of a file that a template names, and its SHA-256 in hexadecimal."""

    reference: str
    url: str
    content: bytes
    sha256: str


@dataclass
class Store:
    """Gives files by reference. `folder` is the store, `pins` are the digests of an earlier deployment by URL.

    With `refresh` the pins are ignored.
    """

    folder: str
    site: Site
    download: Download
    pins: Mapping[str, str] = field(default_factory=dict)
    refresh: bool = False

    def fetch(self, references: Mapping[str, Position | None]) -> dict[str, Fetched]:
        """Return all files by reference. Raises `TemplateError` with every one that cannot be had."""
        found: dict[str, Fetched] = {}
        problems: list[Diagnostic] = []
        for reference, position in references.items():
            try:
                found[reference] = self._one(reference)
            except (OSError, ValueError) as error:
                reason = " ".join(str(getattr(error, "reason", None) or error).split())
                hint = (
                    "Is the address right? Where there is no internet, map its beginning to a folder: docs/site.md."
                    if not isinstance(error, _ChangedError)
                    else "Look at what changed; then deploy with -e refresh_recipes=true."
                )
                message = f"The recipe {self.site.url(reference)} cannot be had: {reason}."
                problems.append(Diagnostic("recipe-fetch", message, position, hint))
        if problems:
            raise TemplateError(problems)
        return found

    def _one(self, reference: str) -> Fetched:
        url = self.site.url(reference)
        pinned = None if self.refresh else self.pins.get(url)
        content = self._kept(pinned) if pinned else None
        if content is None:
            content = self._read(url)
        digest = hashlib.sha256(content).hexdigest()
        if pinned and digest != pinned:
            raise _ChangedError(f"it is not the one that this infrastructure was deployed with ({pinned[:12]})")
        self._keep(digest, content)
        return Fetched(reference, url, content, digest)

    def _read(self, url: str) -> bytes:
        path = self.site.local_path(url)
        if path is None:
            content = self.download(url, MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:
                content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES // 1024} KiB")
        return content

    def _kept(self, digest: str) -> bytes | None:
        try:
            with open(os.path.join(self.folder, digest), "rb") as file:
                content = file.read()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == digest else None

    def _keep(self, digest: str, content: bytes) -> None:
        path = os.path.join(self.folder, digest)
        if os.path.exists(path):
            return
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)


class _ChangedError(ValueError):
    """A pinned file has another content than before."""

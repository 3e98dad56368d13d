# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the text of a template: a name of the catalogue, a path, or an http(s) URL."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass

from .._errors import Diagnostic, TemplateError, did_you_mean
from .loader import MAX_BYTES

_SUFFIXES = (".yaml", ".yml")
_TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class Source:
    """`text` of a template, the `file` name for messages, and a short `name` to derive others from."""

    text: str
    file: str
    name: str


def find_template(reference: str, catalogue: str, directory: str) -> Source:
    """Return the template that `reference` means.

    `catalogue` is the folder of the curated templates, `directory` the folder that relative paths start from.
    Raises `TemplateError` (code template-not-found).
    """
    if not reference:
        hint = f"Name one with -e template=NAME. {did_you_mean('', catalogue_names(catalogue))}"
        raise TemplateError([Diagnostic("template-not-found", "No template is named.", None, hint)])
    if re.match(r"https?://", reference):
        return Source(_download(reference), reference, slug(os.path.splitext(os.path.basename(reference))[0]))
    if re.match(r"[a-z]+://", reference):
        raise _not_found(reference, "Only http and https addresses are read.")
    names = catalogue_names(catalogue)
    if reference in names:
        return _read(names[reference], slug(reference))
    path = os.path.join(directory, os.path.expanduser(reference))
    if os.path.isfile(path):
        return _read(path, slug(os.path.splitext(os.path.basename(path))[0]))
    hint = f"It is neither a file nor in the catalogue. {did_you_mean(reference, names)}"
    raise _not_found(reference, hint)


def catalogue_names(catalogue: str) -> dict[str, str]:
    """Return the names of the curated templates and their paths."""
    if not os.path.isdir(catalogue):
        return {}
    files = sorted(name for name in os.listdir(catalogue) if name.endswith(_SUFFIXES))
    return {os.path.splitext(name)[0]: os.path.join(catalogue, name) for name in files}


def slug(text: str) -> str:
    """Return `text` as an infrastructure name: lower case letters, digits and dashes, at most 40."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return (name if re.match(r"[a-z]", name) else f"t-{name}")[:40].strip("-")


def _read(path: str, name: str) -> Source:
    shown = os.path.relpath(path) if not os.path.relpath(path).startswith("..") else path
    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise TemplateError([Diagnostic("too-large", f"'{shown}' has more than {MAX_BYTES // 1024} KiB.")])
        with open(path, encoding="utf-8") as file:
            return Source(file.read(), shown, name)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _not_found(path, f"The file cannot be read: {reason}.") from None


def _download(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as reply:  # noqa: S310 (http and https only, see above)
            data: bytes = reply.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise _not_found(url, f"It cannot be downloaded: {reason}.") from None
    return data.decode("utf-8", "replace")


def _not_found(reference: str, hint: str) -> TemplateError:
    return TemplateError([Diagnostic("template-not-found", f"There is no template '{reference}'.", None, hint)])

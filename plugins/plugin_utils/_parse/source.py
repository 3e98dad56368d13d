# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the text of a template: a name of the catalogue, a path, or an http(s) URL; one, or one with its add-ons."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from .._errors import Diagnostic, TemplateError, did_you_mean
from .loader import MAX_BYTES

_SUFFIXES = (".yaml", ".yml")
# Returns at most so many bytes of an http(s) address; raises OSError or ValueError.
Fetch = Callable[[str, int], bytes]
_MOST_TEMPLATES = 20


@dataclass(frozen=True)
class Source:
    """`text` of a template, the `file` name for messages, and a short `name` to derive others from.

    `place` is the folder or the URL that names inside the template start from.
    """

    text: str
    file: str
    name: str
    place: str = ""


def read_references(value: Any) -> list[str]:
    """Return the templates that a user names: a list, or text that is one name, `a, b`, JSON or a YAML list."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            value = json.loads(value)
        except ValueError:
            try:
                value = yaml.safe_load(value)
            except yaml.YAMLError:
                value = [value]
    elif isinstance(value, str) and "," in value:
        value = [part for part in value.split(",") if part.strip()]
    names = [str(item).strip() for item in value] if isinstance(value, (list, tuple)) else [str(value or "").strip()]
    return names[:_MOST_TEMPLATES] or [""]


def no_network(_url: str, _most: int) -> bytes:
    """Stand for a `Fetch` where there is none."""
    raise OSError("this program does not download templates")


def find_template(reference: str, catalogue: str, directory: str, near: str = "", fetch: Fetch = no_network) -> Source:
    """Return the template that `reference` means.

    `catalogue` is the folder of the curated templates, `directory` the folder that relative paths start from, `near`
    the folder or URL of a template that names this one. Raises `TemplateError` (code template-not-found).
    """
    if not reference:
        hint = f"Name one with -e template=NAME. {did_you_mean('', catalogue_names(catalogue))}"
        raise TemplateError([Diagnostic("template-not-found", "No template is named.", None, hint)])
    if re.match(r"https?://", reference):
        return _from_url(reference, fetch)
    if re.match(r"[a-z]+://", reference):
        raise _not_found(reference, "Only http and https addresses are read.")
    names = catalogue_names(catalogue)
    if reference in names:
        return _read(names[reference], slug(reference))
    for folder in (directory, near):
        path = os.path.join(folder, os.path.expanduser(reference))
        for candidate in (path, *(path + suffix for suffix in _SUFFIXES)) if folder and "://" not in folder else ():
            if os.path.isfile(candidate):
                return _read(candidate, slug(os.path.splitext(os.path.basename(candidate))[0]))
    if "://" in near and re.fullmatch(r"[A-Za-z0-9._-]+", reference):
        return _from_url(near + (reference if reference.endswith(_SUFFIXES) else reference + ".yaml"), fetch)
    stem = os.path.splitext(reference)[0]
    if stem in names:
        return _read(names[stem], slug(stem))
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
            return Source(file.read(), shown, name, os.path.dirname(os.path.abspath(path)))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _not_found(path, f"The file cannot be read: {reason}.") from None


def _from_url(url: str, fetch: Fetch) -> Source:
    base, _slash, file = url.partition("?")[0].rpartition("/")
    return Source(_download(url, fetch), url, slug(os.path.splitext(file)[0]), base + "/")


def _download(url: str, fetch: Fetch) -> str:
    try:
        data = fetch(url, MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise _not_found(url, f"It cannot be downloaded: {reason}.") from None
    return data.decode("utf-8", "replace")


def _not_found(reference: str, hint: str) -> TemplateError:
    return TemplateError([Diagnostic("template-not-found", f"There is no template '{reference}'.", None, hint)])

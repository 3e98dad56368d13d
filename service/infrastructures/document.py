# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bodies of requests, as what they mean: RADL in text or JSON, or TOSCA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import BadRequest
from ..radl_text.reader import check, check_counts, read_json, read_text
from ..radl_text.to_tosca import display_name, to_tosca_text
from ..radl_text.writer import document_text
from .context import EMPTY
from .definition import read_template_text


@dataclass(frozen=True)
class Document:
    """A body that was read: a RADL document or the text of a TOSCA template."""

    radl: Any = None
    tosca: str = ""

    @property
    def is_tosca(self) -> bool:
        """True for TOSCA."""
        return bool(self.tosca)

    @property
    def kind(self) -> str:
        """The kind of an infrastructure that is made of it."""
        return "tosca" if self.tosca else "radl"

    @property
    def source(self) -> str:
        """The text to keep and to show."""
        return self.tosca or document_text(self.radl)

    @property
    def template(self) -> str:
        """The TOSCA text that is translated."""
        if self.tosca:
            return self.tosca
        return to_tosca_text(self.radl) if self.radl.systems else EMPTY

    @property
    def name(self) -> str:
        """The name that a RADL document gives."""
        return "" if self.tosca else display_name(self.radl)

    @property
    def cloud_id(self) -> str:
        """The record of the header that a RADL document names. Raises `BadRequest` when it names several."""
        if self.tosca:
            return ""
        return one_cloud({str(item.cloud_id) for item in self.radl.deploys if item.cloud_id})


def one_cloud(names: set[str]) -> str:
    """Return the only cloud of an infrastructure. Raises `BadRequest`."""
    if len(names) > 1:
        raise BadRequest("Hosts of one infrastructure are on one cloud; these are named: " + ", ".join(sorted(names)))
    return next(iter(names), "")


def read_document(kind: str, body: bytes, complete: bool = True) -> Document:
    """Return the document of a body of a kind of `negotiation.body_type`; an empty body is an empty RADL document.

    `complete` documents refer to nothing outside. Raises `BadRequest`.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadRequest("Error parsing request body: it is not UTF-8 text.") from None
    if not text.strip() or text.strip() == '""':
        return Document(read_text(""))
    if "\0" in text:
        raise BadRequest("Error parsing request body: it is not text.")
    if kind == "tosca":
        read_template_text(text)
        return Document(tosca=text)
    document = read_json(text) if kind == "json" else read_text(text)
    if complete:
        check(document)
    else:
        check_counts(document)
    return Document(document)

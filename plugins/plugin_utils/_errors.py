# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors and diagnostics of the translator.

The tree::

    ContinuumError              anything this collection tells a user
      TemplateError             one or more problems in a template or in its inputs
      ChoiceError               a problem in what the user chose beside the template (cloud, name, ...)

A `TemplateError` carries all problems that were found, not only the first one. Nothing here imports
anything of the project, so that every stage may use it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# Every code has a page (docs/errors/<code>.md); a test compares the two.
CODES: dict[str, str] = {
    "add-on": "An add-on and the other templates do not fit together",
    "bad-choice": "A value given beside the template (cloud, infrastructure, instances) cannot be used",
    "bad-name": "A name in the template cannot be used as an identifier",
    "bad-port": "A port specification is not valid",
    "bad-size": "A size (memory, disk) is not valid",
    "bad-type": "A value does not have the declared type",
    "constraint": "A value violates a constraint of its declaration",
    "function": "A TOSCA function is used wrongly",
    "internal": "Something in this program is wrong, not in the template",
    "missing-input": "A required input has no value",
    "missing-value": "A required property or requirement has no value",
    "needs-cloud": "The template asks for something that the chosen cloud cannot give",
    "recipe": "An operation's implementation cannot be run",
    "recipe-fetch": "A recipe cannot be had",
    "template-not-found": "There is no such template",
    "too-large": "The template is larger or deeper than what is accepted",
    "tosca": "The template does not follow the TOSCA grammar",
    "unknown-import": "An import cannot be resolved",
    "unknown-input": "An input is not declared by the template",
    "unknown-key": "A key is not known at this place",
    "unknown-node": "A node template is not declared",
    "unknown-type": "A type is not declared",
    "yaml": "The file is not valid YAML",
}


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file: `line` and `column` count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Diagnostic:
    """One problem: a code out of `CODES`, one sentence, where it is, and what to do about it."""

    code: str
    message: str
    position: Position | None = None
    hint: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"undocumented diagnostic code {self.code!r}")

    def data(self) -> dict[str, Any]:
        """Return the diagnostic as plain data."""
        place = self.position
        where = {"file": place.file, "line": place.line, "column": place.column} if place else {}
        return {"code": self.code, "message": self.message, "hint": self.hint, **where}

    def __str__(self) -> str:
        place = f"{self.position}: " if self.position else ""
        hint = f"\n    Hint: {self.hint}" if self.hint else ""
        return f"{place}{self.message} [{self.code}]{hint}"


class ContinuumError(Exception):
    """Base of everything the collection tells a user; `diagnostics` is never empty."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(set(diagnostics), key=_order))
        super().__init__("\n".join(str(item) for item in self.diagnostics))


class TemplateError(ContinuumError):
    """The template or its inputs have problems; all that were found."""


class ChoiceError(ContinuumError):
    """Something the user chose beside the template cannot be used."""

    @classmethod
    def of(cls, message: str, hint: str = "") -> ChoiceError:
        """Build the error for one wrong choice."""
        return cls([Diagnostic("bad-choice", message, None, hint)])


class Problems:
    """Collects diagnostics during a stage, so that all are reported at once."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def add(self, code: str, message: str, position: Position | None = None, hint: str = "") -> None:
        """Note one problem and go on."""
        self.found.append(Diagnostic(code, message, position, hint))

    def raise_if_any(self) -> None:
        """Raise `TemplateError` with everything noted so far, if there is anything."""
        if self.found:
            raise TemplateError(self.found)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "Did you mean ...?" for the nearest of `known`, else a list of them ("" when there are none)."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    if not names:
        return ""
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return f"Known: {shown}."


def _order(item: Diagnostic) -> tuple[str, int, int, str, str]:
    place = item.position or Position("", 0, 0)
    return (place.file, place.line, place.column, item.code, item.message)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Client tokens: the same token with the same parameters gets the same answer, so a repeated call makes no twin."""

from __future__ import annotations

from .answers import Answer, Refused
from .calls import Call

_NOT_COMPARED = ("ClientToken", "DryRun", "Version")


class Tokens:
    """The tokens that were used. The caller holds the lock."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str, str], tuple[dict[str, str], Answer]] = {}

    def answer(self, call: Call) -> Answer | None:
        """Return the answer that a call with this token got, None when it is new; raises Refused."""
        found = self._used.get(_key(call)) if call.get("ClientToken") else None
        if found is None:
            return None
        if found[0] != _compared(call):
            text = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            raise Refused("IdempotentParameterMismatch", text)
        return found[1]

    def keep(self, call: Call, asked: dict[str, str], answer: Answer) -> None:
        """Remember the answer of a call that was carried out; `asked` are its parameters as they came."""
        if answer.ok and call.get("ClientToken"):
            self._used[_key(call)] = (_compared(Call(call.service, call.region, call.action, asked)), answer)

    def clear(self) -> None:
        """Forget all."""
        self._used = {}


def _key(call: Call) -> tuple[str, str, str]:
    return call.region, call.action, call.get("ClientToken")


def _compared(call: Call) -> dict[str, str]:
    return {key: value for key, value in call.form.items() if key not in _NOT_COMPARED}

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run changes: done, or in check mode only told. The same code makes the plan and carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Changes:
    """Collects the lines of a diff; actions are carried out at once, in check mode not at all."""

    def __init__(self, check: bool) -> None:
        self.check = check
        self.before: list[str] = []
        self.after: list[str] = []

    @property
    def changed(self) -> bool:
        """Return whether anything differs."""
        return sorted(self.before) != sorted(self.after)

    def keep(self, line: str) -> None:
        """Note what stays as it is."""
        self.before.append(line)
        self.after.append(line)

    def add(self, line: str, action: Callable[[], Result]) -> Result | None:
        """Make something new; return what the action does, None in check mode."""
        self.after.append(line)
        return None if self.check else action()

    def remove(self, line: str, action: Callable[[], object]) -> None:
        """Remove something."""
        self.before.append(line)
        if not self.check:
            action()

    def alter(self, old: str, new: str, action: Callable[[], object]) -> None:
        """Turn something into something else."""
        self.before.append(old)
        self.after.append(new)
        if not self.check:
            action()

    def do(self, action: Callable[[], object]) -> None:
        """Do what belongs to a change that was told already."""
        if not self.check:
            action()

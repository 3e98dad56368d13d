# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of parts of a run that work at the same time: each has its own, so that their order is always the same."""

from __future__ import annotations

from .._hosts.changes import Changes


class Lanes:
    """Makes a list of changes for each part; together they are what the run changes."""

    def __init__(self, check: bool) -> None:
        self._check = check
        self._all: list[Changes] = []

    def new(self) -> Changes:
        """Return the changes of another part. Its lines come after those of the parts before it."""
        self._all.append(Changes(self._check))
        return self._all[-1]

    @property
    def before(self) -> list[str]:
        """Return what was there."""
        return [line for changes in self._all for line in changes.before]

    @property
    def after(self) -> list[str]:
        """Return what is there in the end."""
        return [line for changes in self._all for line in changes.after]

    @property
    def changed(self) -> bool:
        """Return whether anything differs."""
        return any(changes.changed for changes in self._all)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of an infrastructure, from those of its hosts."""

from __future__ import annotations

from collections.abc import Iterable

_WAITING = ("pending", "running")


def aggregate(states: Iterable[str], *, deleting: bool = False, failed: bool = False, undecided: bool = False) -> str:
    """Return the state that stands for all hosts; their order does not matter.

    The worst one counts: failed, unknown, pending, running, unconfigured, then stopped and off, then configured.
    Without hosts, `failed` says that nothing could be made, and `undecided` that this is not known yet.
    """
    if deleting:
        return "deleting"
    found = set(states)
    if not found:
        return "failed" if failed else "pending" if undecided else "unknown"
    found = found - {"deleting"} or found  # hosts that go do not count beside those that stay
    order = ("failed", "unknown", *_WAITING, "unconfigured", "stopped", "off", "configured", "deleting")
    return next((state for state in order if state in found), "unknown")

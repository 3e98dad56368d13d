# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that strike calls on request. They lie in a file that all services read; used here and inside them."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

CALL_KINDS = (
    "throttle",
    "error500",
    "error503",
    "lost_answer",
    "lost_request",
    "denied",
    "unauthorized",
    "conflict",
    "quota",
)
# These strike the building of servers, not a call.
BUILD_KINDS = ("no_valid_host", "slow")
KINDS = CALL_KINDS + BUILD_KINDS
# Of these calls a quota is reached, when the fault names none.
_LIMITED = (
    "compute:POST /servers",
    "volume:POST /volumes",
    "volume:POST /snapshots",
    "network:POST /ports",
    "network:POST /floatingips",
    "network:POST /networks",
    "network:POST /subnets",
    "network:POST /routers",
    "network:POST /security-groups",
    "network:POST /security-group-rules",
)


@dataclass
class Fault:
    """A fault strikes calls of `action` ("" = any), from the `nth` of them on, `count` times (-1 = always)."""

    kind: str
    action: str = ""
    nth: int = 0
    count: int = 1
    seen: int = 0
    struck: int = 0

    def strikes(self, call: str) -> bool:
        """Count a call and tell whether the fault strikes it."""
        if not self._means(call):
            return False
        self.seen += 1
        if 0 <= self.count <= self.struck or self.seen < self.nth:
            return False
        self.struck += 1
        return True

    def _means(self, call: str) -> bool:
        if self.kind in BUILD_KINDS:
            return call == f"build:{self.kind}"
        if self.action:
            return self.action in (call, call.partition(":")[2])
        return call in _LIMITED if self.kind == "quota" else not call.startswith("build:")


class Faults:
    """The faults of a lab, safe for threads and processes."""

    def __init__(self, folder: Path) -> None:
        self._file, self._lock = folder / "faults.json", folder / "faults.lock"

    def add(self, fault: Fault) -> None:
        """Add one; raises ValueError for a kind that is not known."""
        if fault.kind not in KINDS:
            raise ValueError(f"there is no fault {fault.kind!r}; there are {', '.join(KINDS)}")
        with self._locked() as state:
            state["faults"].append(dataclasses.asdict(fault))

    def clear(self) -> None:
        """Forget all faults and how often they struck."""
        with self._locked() as state:
            state.clear()

    def struck(self) -> int:
        """Return how often faults struck."""
        with self._locked() as state:
            return int(state["struck"])

    def strike(self, call: str) -> str:
        """Return the kind of the fault that strikes this call, "" for none."""
        if not self._file.exists():
            return ""
        with self._locked() as state:
            faults = [Fault(**item) for item in state["faults"]]
            kinds = [fault.kind for fault in faults if fault.strikes(call)]
            state["faults"] = [dataclasses.asdict(fault) for fault in faults]
            state["struck"] += bool(kinds)
        return kinds[0] if kinds else ""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[dict[str, Any]]:
        with open(self._lock, "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            state = self._read()
            yield state
            self._write(state, lock)

    def _read(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._file.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {"faults": [], "struck": 0}

    def _write(self, state: dict[str, Any], _lock: IO[str]) -> None:
        if not state.get("faults") and not state.get("struck"):
            self._file.unlink(missing_ok=True)
            return
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps(state), encoding="utf-8")
        os.replace(new, self._file)

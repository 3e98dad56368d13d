# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small answers about this machine that cost time to find again, in the user's cache folder."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def recall(name: str, key: str, most_seconds: float | None = None) -> Any:
    """Return what was remembered under `name` for `key`, None when there is nothing or it is too old."""
    try:
        entry = json.loads(_path(name).read_text(encoding="utf-8"))
        if entry["key"] != key or (most_seconds is not None and time.time() - entry["time"] > most_seconds):
            return None
        return entry["value"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(name: str, key: str, value: Any) -> None:
    """Keep `value` (JSON) under `name` for `key`; where that is not possible it is found again next time."""
    path = _path(name)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(json.dumps({"key": key, "time": time.time(), "value": value}), encoding="utf-8")
        new.replace(path)
    except OSError:
        return


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Let one process of this user in at a time; where no lock can be had, let all in."""
    path = _path(name).with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError:
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _path(name: str) -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "continuum-im" / f"{name}.json"

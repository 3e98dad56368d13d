# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service in this process, and secrets that are planted in it and searched for."""

from __future__ import annotations

import base64
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from service.app import create_app
from service.config import Config
from service.db.engine import make_engine
from service.db.migrate import migrate
from service.operations.worker import Worker

WAIT_SECONDS = 240.0
_LARGEST = 64 * 1024 * 1024
_SAMPLE_SECONDS = 0.02


@contextmanager
def running(**settings: str) -> Iterator[Flask]:
    """Give an application; its workers end afterwards."""
    config = Config.load({f"CONTINUUM_{name.upper()}": value for name, value in settings.items()})
    engine = make_engine(config)
    migrate(engine)
    workers = [Worker(config, engine) for _number in range(config.workers)]
    threads = [threading.Thread(target=worker.serve, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        yield create_app(config, engine)
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join(60)
        engine.dispose()


@dataclass
class Planted:
    """Secrets by name. Each has letters and digits that no encoding but base64 changes, and more that most do."""

    texts: dict[str, str] = field(default_factory=dict)
    cores: dict[str, str] = field(default_factory=dict)

    def make(self, name: str, around: str = 'Geh&im/{} +"ü%') -> str:
        """Return a new secret."""
        self.cores[name] = secrets.token_hex(12)
        self.texts[name] = around.replace("{}", self.cores[name])
        return self.texts[name]

    def found_in(self, places: dict[str, bytes]) -> dict[str, set[str]]:
        """Return the secrets that are in something, each with where it is."""
        found: dict[str, set[str]] = {}
        for name, core in self.cores.items():
            for form in _forms(core):
                for place, content in places.items():
                    if form in content:
                        found.setdefault(name, set()).add(place)
        return found


def _forms(core: str) -> set[bytes]:
    """The text itself, which also stands in every escaped form; in base64, wherever in a text it stands; in hex."""
    found = {core.encode(), core.encode().hex().encode(), core.encode("utf-16-le")}
    for before in range(3):
        for after in range(3):
            whole = b"\0" * before + core.encode() + b"\0" * after
            text = base64.b64encode(whole)
            found.add(text[4 : len(text) - 4])
    return found


class ProcessList:
    """Everything that stands in the list of processes at any time between begin and end."""

    def __enter__(self) -> ProcessList:
        self._seen: set[bytes] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._end.set()
        self._thread.join()

    @property
    def content(self) -> bytes:
        """All command lines."""
        return b"\n".join(sorted(self._seen))

    def _look(self) -> None:
        while not self._end.wait(_SAMPLE_SECONDS):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._seen.add(file.read_bytes())
                except OSError:
                    continue


def files_below(folder: Path) -> dict[str, bytes]:
    """Return what is in the files below a folder, by path."""
    found = {}
    for file in folder.rglob("*"):
        try:
            if file.is_file() and not file.is_symlink() and file.stat().st_size < _LARGEST:
                found[str(file)] = file.read_bytes()
        except OSError:
            continue
    return found


def new_files(folder: Path, since: float) -> dict[str, bytes]:
    """Return what is in the files of a folder that were written since then, and of the folders in it."""
    found = {}
    for file in (*folder.glob("*"), *folder.glob("*/*")):
        try:
            about = file.stat()
            if file.is_file() and about.st_mtime >= since and about.st_size < _LARGEST:
                found[str(file)] = file.read_bytes()
        except OSError:
            continue
    return found


def settled(ask: Any, key: str) -> str:
    """Wait until nothing is left to do for an infrastructure; return its state."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        events = ask("GET", f"/infrastructures/{key}/events", headers={"Accept": "application/json"}).get_json()
        if events["idle"]:
            state: str = ask("GET", f"/infrastructures/{key}/state").get_json()["state"]["state"]
            return state
        time.sleep(0.2)
    raise AssertionError("it is not done in time")

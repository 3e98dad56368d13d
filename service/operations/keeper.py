# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The threads beside a run: one renews the lease and writes events and hosts as they come; one watches the time.

The second never asks the database, which may answer late or not at all: the run ends before its lease does, whatever
happens.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from types import TracebackType
from typing import Self

from sqlalchemy import Engine, select, update

from ..config import Config
from ..db.engine import AWAY, hold, read_scope, session_scope
from ..db.models import Operation
from . import outcome, queue
from .events import Recorder
from .execute import Leash
from .task import Task

_LOG = logging.getLogger("continuum.worker")
_FLUSH_SECONDS = 0.5
# A run ends this long before its lease does when no heartbeat gets through: nobody else may have begun by then.
_MARGIN = 0.25


class Keeper:
    """Keeps an operation alive while the block lasts. `asked` is why it shall end, `lost` that it belongs to others."""

    def __init__(self, config: Config, engine: Engine, task: Task, leash: Leash) -> None:
        self.asked = ""
        self.lost = False
        self._config, self._engine, self._task, self._leash = config, engine, task, leash
        self._recorder: Recorder | None = None
        self._end = threading.Event()
        self._writing = threading.Lock()
        self._renewed = time.monotonic()
        self._until = time.monotonic() + config.operation_timeout
        self._shown = ""
        self._ended_at = 0.0
        self._away = False
        self._threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(loop,), name=loop.__name__, daemon=True)
            for loop in (self._keep, self._watch)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def follow(self, recorder: Recorder) -> None:
        """Write what this recorder collects from now on."""
        self._recorder = recorder

    def flush(self) -> None:
        """Write what has been collected."""
        recorder = self._recorder
        if recorder is None:
            return
        with self._writing:
            rows, instances = recorder.take()
            progress = recorder.redactor.text(recorder.progress)
            if not rows and instances is None and progress == self._shown:
                return
            try:
                with session_scope(self._engine) as session:
                    hold(session, self._task.infrastructure_id)
                    mine = Operation.id == self._task.operation_id, Operation.fence == self._task.fence
                    held = session.execute(
                        update(Operation)
                        .where(*mine, Operation.state == "running")
                        .values(progress=progress)
                        .execution_options(synchronize_session=False)
                    )
                    if held.rowcount != 1:  # type: ignore[attr-defined]
                        return
                    session.add_all(rows)
                    if instances is not None:
                        outcome.seen(session, self._task, instances)
                self._shown = progress
            except Exception:
                recorder.put_back([queue.copy_event(row) for row in rows], instances)
                raise

    def _keep(self) -> None:
        heartbeat_at = time.monotonic() + self._config.heartbeat_seconds
        while not self._end.wait(_FLUSH_SECONDS):
            try:
                if time.monotonic() >= heartbeat_at:
                    heartbeat_at = time.monotonic() + self._config.heartbeat_seconds
                    self._beat()
                self.flush()
                self._listen()
                self._away = False
            except AWAY as error:
                # Again in a moment, the sign of life first.
                heartbeat_at = 0.0
                if not self._away:
                    _LOG.warning("the database does not answer; the run goes on", extra={"error": type(error).__name__})
                self._away = True
            except Exception:
                _LOG.exception("the database does not take what a run tells")

    def _watch(self) -> None:
        while not self._end.wait(_FLUSH_SECONDS):
            self._check_time()

    def _listen(self) -> None:
        """Hear at once when the run shall end; nobody waits for this look."""
        with read_scope(self._engine) as session:
            reason = session.scalar(select(Operation.stop).where(Operation.id == self._task.operation_id))
        if reason and not self.asked:
            self.asked = reason
            self._leash.stop(reason)

    def _beat(self) -> None:
        before = time.monotonic()
        with session_scope(self._engine) as session:
            sign = queue.heartbeat(session, self._task.operation_id, self._task.fence, self._config.lease_seconds)
        if sign == "lost":
            self._lose("the operation belongs to another worker")
            return
        self._renewed = before

    def _check_time(self) -> None:
        present = time.monotonic()
        if present > self._renewed + self._config.lease_seconds * (1 - _MARGIN):
            self._lose("the lease could not be renewed")
        elif present > self._until and not self._ended_at:
            self._ended_at = present
            self._leash.stop(f"It took longer than {self._config.operation_timeout} s and was stopped.")

    def _lose(self, why: str) -> None:
        if not self.lost:
            _LOG.warning("the run is ended: %s", why)
        self.lost = True
        self._leash.stop(why, hard=True)

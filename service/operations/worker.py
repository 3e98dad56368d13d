# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers: take operations from the queue, one at a time, and carry them out.

`run_operation` is the one function that another queue may call. A worker is a process; it runs the operation in its
main thread, while the keeper, a thread beside it, renews the lease and writes what happened.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from ..config import Config
from ..db.engine import AWAY, hold, make_engine, read_scope, session_scope
from ..db.models import Infrastructure, Operation
from ..log import log_context
from . import keys, outcome, queue
from .credentials import VaultClient
from .events import Recorder
from .execute import Ended, Leash, executor_for
from .fold import sentence
from .keeper import Keeper
from .processes import RUN_MARK, end_marked, identity
from .redact import Redactor
from .task import Task, private_folder

_LOG = logging.getLogger("continuum.worker")
_CREDENTIALS_AGAIN_SECONDS = 15.0
_LONGEST_PAUSE = 30.0
_AWAY_SECONDS = 1.0
_LOST = "the operation belongs to another worker; nothing is written"
STOPPING = "the worker was told to end"
Result = TypeVar("Result")


def run_operation(operation_id: int, config: Config) -> None:
    """Carry out one operation, if it may run now and nobody else does it. Returns when it has ended."""
    engine = make_engine(config)
    try:
        Worker(config, engine).run_one(operation_id)
    finally:
        engine.dispose()


class Worker:
    """Takes operations and carries them out until it is told to stop."""

    def __init__(self, config: Config, engine: Engine) -> None:
        self.config, self.engine = config, engine
        self.name = identity(socket.gethostname())
        self._stopping = threading.Event()
        self._leash: Leash | None = None

    def serve(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            try:
                busy = self.run_one()
            except AWAY as error:
                # What it may have begun keeps its lease for a moment, then somebody takes it over.
                _LOG.warning("the database does not answer", extra={"error": type(error).__name__})
                self._stopping.wait(_AWAY_SECONDS)
                busy = False
            except Exception:
                # The operation keeps its lease for a moment, then somebody takes it over.
                _LOG.exception("an operation ended in an unexpected way")
                busy = False
            if not busy:
                self._stopping.wait(self.config.poll_seconds)

    def stop(self, _number: int = 0, _frame: types.FrameType | None = None) -> None:
        """End soon: the run is ended, and its operation goes back into the queue. Also a handler of signals."""
        self._stopping.set()
        # A handler must not wait for locks that the main thread may hold.
        threading.Thread(target=self._stop_run, name="stop", daemon=True).start()

    def _stop_run(self) -> None:
        leash = self._leash
        if leash is not None:
            leash.stop(STOPPING)

    def run_one(self, operation_id: int | None = None) -> bool:
        """Carry out one operation; false when there is none to do."""
        with read_scope(self.engine) as session:
            if not queue.something_to_do(session, operation_id):
                return False
        with session_scope(self.engine) as session:
            operation = queue.claim(session, self.name, None, self.config.lease_seconds, operation_id)
            task = _task(session.get_one(Infrastructure, operation.infrastructure_id), operation) if operation else None
        if operation is None or task is None:
            return False
        ids = {"operation_id": task.operation_id, "infrastructure_id": task.infrastructure_id}
        with log_context(**ids, request_id=task.request_id):
            _LOG.info("%s begins", task.kind, extra={"attempt": task.attempts, "fence": task.fence})
            leash = Leash(task.infrastructure_id)
            keeper = Keeper(self.config, self.engine, task, leash)
            try:
                with keeper:
                    self._carry_out(task, operation.stop, keeper, leash)
            except Exception:
                _LOG.exception("%s met an error of the service", task.kind)
                end_marked(RUN_MARK, task.infrastructure_id, spare=os.getpid())
                self._release(task, "the service met an error of its own; it is repeated", _pause(task), True)
        return True

    def _carry_out(self, task: Task, stop: str, keeper: Keeper, leash: Leash) -> None:
        # Whatever a dead worker has left of this infrastructure ends before anything begins.
        end_marked(RUN_MARK, task.infrastructure_id, spare=os.getpid())
        if stop:
            self._patiently(keeper, lambda: self._cancel(task, stop))
            return
        if task.attempts > self.config.max_attempts:
            often = f"It was begun {self.config.max_attempts} times and lost each time; ask for it again to go on."
            self._patiently(keeper, lambda: self._fail(task, often))
            return
        environment = self._patiently(keeper, lambda: self._credentials(task))
        if environment is None:
            return
        redactor = Redactor(task.secrets(environment))
        if not self._patiently(keeper, lambda: self._begin(task, redactor)):
            return
        recorder = Recorder(task.infrastructure_id, task.operation_id, task.generation, redactor)
        keeper.follow(recorder)
        recorder.tell(_beginning(task))
        self._leash = leash
        try:
            if self._stopping.is_set():
                leash.reason = STOPPING
                ended = Ended(None)
            else:
                with private_folder(self.config, task) as folder:
                    ended = executor_for(self.config, task).run(task, folder, environment, recorder, leash)
        finally:
            self._leash = None
        self._patiently(keeper, lambda: self._judge(task, ended, keeper, recorder, leash))

    def _patiently(self, keeper: Keeper, step: Callable[[], Result]) -> Result:
        """Do a step until the database takes it, while the lease is surely ours.

        A step that was carried out though its answer was lost finds the operation moved on and writes nothing.
        """
        while True:
            try:
                return step()
            except AWAY:
                if keeper.lost:
                    raise
                time.sleep(_AWAY_SECONDS)

    def _credentials(self, task: Task) -> dict[str, str] | None:
        """Return the environment of credentials; None when there is none and the operation has to wait."""
        found = VaultClient(self.config).take(task.infrastructure_id)
        if found is not None or not task.credentials:
            return found or {}
        with session_scope(self.engine) as session:
            queue.release(
                session, task.operation_id, task.fence, queue.WAITS_FOR_CREDENTIALS, _CREDENTIALS_AGAIN_SECONDS, False
            )
        return None

    def _begin(self, task: Task, redactor: Redactor) -> bool:
        with session_scope(self.engine) as session:
            hold(session, task.infrastructure_id)
            if queue.heartbeat(session, task.operation_id, task.fence, self.config.lease_seconds) == "lost":
                return False
            outcome.begins(session, task)
            keys.restore(session, self.config, task.infrastructure_id, task.name)
        redactor.add(*(text for name, text in self._files(task).items() if keys.is_secret(name)))
        return True

    def _judge(self, task: Task, ended: Ended, keeper: Keeper, recorder: Recorder, leash: Leash) -> None:
        """Write down how a run ended."""
        # Keys that this run has made are secrets of what it still tells.
        recorder.redactor.add(*(text for name, text in self._files(task).items() if keys.is_secret(name)))
        keeper.flush()
        if keeper.lost:
            _LOG.warning(_LOST)
        elif leash.reason == STOPPING:
            self._release(task, STOPPING, 0.0, False)
        elif keeper.asked:
            self._cancel(task, keeper.asked)
        elif leash.reason:
            self._fail(task, leash.reason)
        elif ended.lost:
            self._release(task, "the run was killed and is repeated", _pause(task), True)
        elif ended.code:
            self._fail(task, sentence(recorder.failures, recorder.errors or list(recorder.lines), ended.code))
        else:
            self._succeed(task, recorder.result)

    def _succeed(self, task: Task, result: dict[str, Any], reason: str = "") -> None:
        kept = {} if task.kind == "delete" else _kept_result(result)
        with self._ending(task, "done", reason, kept) as session:
            if session is None:
                return
            if task.kind == "delete":
                outcome.deleted(session, task)
                keys.forget(session, self.config, task.infrastructure_id, task.name)
            else:
                outcome.succeeded(session, task, result)
            text = " ".join([f"{task.kind} is done.", reason]).strip()
            queue.note(session, session.get_one(Operation, task.operation_id), text)
        if task.kind == "delete":
            VaultClient(self.config).drop(task.infrastructure_id)

    def _fail(self, task: Task, reason: str) -> None:
        if task.kind == "delete" and task.arguments.get("force"):
            self._succeed(task, {}, f"It was forced, though not everything may be gone: {reason}")
            return
        with self._ending(task, "failed", reason) as session:
            if session is not None:
                outcome.failed(session, task, reason)
                queue.note(session, session.get_one(Operation, task.operation_id), reason, "failed")

    def _cancel(self, task: Task, reason: str) -> None:
        with self._ending(task, "cancelled", reason) as session:
            if session is not None:
                queue.note(session, session.get_one(Operation, task.operation_id), reason)

    @contextmanager
    def _ending(
        self, task: Task, state: str, reason: str, result: dict[str, Any] | None = None
    ) -> Iterator[Session | None]:
        """Give the session in which the operation ends; None when it belongs to somebody else: then write nothing."""
        files = self._files(task)
        with session_scope(self.engine) as session:
            held = queue.finish(session, task.operation_id, task.fence, state, reason, result)
            if held and task.kind != "delete":
                keys.seal(session, task.infrastructure_id, files)
            yield session if held else None
        if held:
            _LOG.info("%s is %s", task.kind, state, extra={"reason": reason})
        else:
            _LOG.warning(_LOST)

    def _release(self, task: Task, reason: str, seconds: float, counts: bool) -> None:
        with session_scope(self.engine) as session:
            held = queue.release(session, task.operation_id, task.fence, reason, seconds, counts)
            if held:
                queue.note(session, session.get_one(Operation, task.operation_id), f"{task.kind}: {reason}")
        if held:
            _LOG.warning("%s goes back into the queue", task.kind, extra={"reason": reason})
        else:
            _LOG.warning(_LOST)

    def _files(self, task: Task) -> dict[str, str]:
        return keys.read_files(self.config, task.name)


def _task(infrastructure: Infrastructure, operation: Operation) -> Task:
    if operation.attempts == 1 and operation.kind in queue.CONFIGURING:
        infrastructure.generation += 1
    return Task(
        operation_id=operation.id,
        fence=operation.fence,
        attempts=operation.attempts,
        kind=operation.kind,
        arguments=operation.arguments,
        infrastructure_id=infrastructure.id,
        name=infrastructure.name,
        cloud=infrastructure.cloud,
        template=infrastructure.template,
        generation=infrastructure.generation,
        request_id=operation.request_id,
        user=operation.user,
        credentials=operation.credentials,
        inputs=infrastructure.inputs or {},
        options=infrastructure.options,
        wanted=infrastructure.wanted,
        next_vm_id=infrastructure.next_vm_id,
    )


def _pause(task: Task) -> float:
    """Return how long the next attempt waits."""
    return min(_LONGEST_PAUSE, 2.0 ** (task.attempts - 1))


def _beginning(task: Task) -> str:
    again = f" again (attempt {task.attempts})" if task.attempts > 1 else ""
    return f"{task.kind} of {task.name} on {task.cloud} begins{again}"


def _kept_result(result: dict[str, Any]) -> dict[str, str]:
    """Return what is kept of a result in the row: outputs may be secrets, they are kept sealed elsewhere."""
    return {name: str(result[name]) for name in ("image", "host") if name in result}


def main(config: Config) -> None:
    """Be a worker process."""
    engine = make_engine(config)
    worker = Worker(config, engine)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, worker.stop)
    worker.serve()
    engine.dispose()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Supervisor, workers and queue on the simulated cloud: what happens when anything dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service.operations.credentials import VaultClient, offer_credentials
from service.operations.dummy import DummyCloud
from service.operations.processes import SERVICE_MARK, marked
from service.operations.queue import WAITS_FOR_CREDENTIALS

from .conftest import LONG, REPOSITORY, Service, until

sys.path.append(str(REPOSITORY / "tests" / "faults"))
from fault_run import FaultRun

pytestmark = pytest.mark.integration


def hosts(service: Service, infrastructure_id: str) -> list[int]:
    return [host["instance"] for host in DummyCloud(service.config.home).hosts(f"im-{infrastructure_id}")]


@pytest.fixture(scope="module")
def dummy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on the simulated cloud that runs. Starting one takes seconds: tests share it."""
    yield from started(tmp_path_factory, dummy_cloud=True)


@pytest.fixture(scope="module")
def shared_slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from started(tmp_path_factory, dummy_cloud=True, dummy_delay=1.5)


@pytest.fixture
def slow(shared_slow: Service) -> Service:
    """Each host takes seconds: there is time to kill something."""
    if shared_slow.supervisor is None or shared_slow.supervisor.poll() is not None:
        shared_slow.start()
    return shared_slow


@pytest.fixture
def two_slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """As that, with two workers."""
    yield from started(tmp_path_factory, dummy_cloud=True, dummy_delay=1.5, workers=2)


@pytest.fixture(scope="module")
def never(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Configurations never end."""
    yield from started(tmp_path_factory, dummy_cloud=True, dummy_outcome="never", max_attempts=2)


def started(folders: pytest.TempPathFactory, **settings: Any) -> Iterator[Service]:
    found = Service(folders.mktemp("home"), **settings)
    try:
        found.start()
        yield found
    finally:
        found.stop()


def test_from_create_to_delete(dummy: Service) -> None:
    found = dummy.create(2)
    dummy.settled(found)
    assert dummy.states(found) == {0: "configured", 1: "configured"}
    dummy.ask(found, "remove", [1])
    dummy.ask(found, "add", [1, 2])
    dummy.ask(found, "stop", hosts=[2])
    dummy.settled(found)
    assert dummy.states(found) == {1: "configured", 2: "stopped"}
    dummy.ask(found, "start")
    dummy.settled(found)
    assert dummy.states(found) == {1: "configured", 2: "configured"}
    assert dummy.read(found).next_vm_id == 3
    dummy.ask(found, "delete")
    assert [item.state for item in dummy.settled(found)] == ["done"] * 6
    assert dummy.read(found).deleted_at is not None
    assert (hosts(dummy, found), dummy.states(found)) == ([], {})


def test_counts_of_the_template_are_enough(dummy: Service) -> None:
    found = dummy.create(0, wanted=None)
    dummy.settled(found)
    assert dummy.states(found) == {0: "configured"}


@pytest.mark.parametrize("victim", ["worker", "leash.py", "service.operations.dummy"])
def test_what_dies_in_a_run_is_repeated(slow: Service, victim: str) -> None:
    found = slow.create(2)
    until(lambda: len(hosts(slow, found)) == 1)
    slow.kill(victim)
    (operation,) = slow.settled(found)
    assert (operation.state, operation.attempts) == ("done", 2)
    assert hosts(slow, found) == [0, 1]
    assert slow.states(found) == {0: "configured", 1: "configured"}
    assert list(slow.config.run_folder.glob("op-*")) == []


def test_the_supervisor_dies_in_a_run(slow: Service) -> None:
    found = slow.create(2)
    until(lambda: len(hosts(slow, found)) == 1)
    assert slow.supervisor is not None
    slow.supervisor.kill()
    slow.supervisor.wait()
    until(lambda: marked(SERVICE_MARK, slow.config.home) == [], what="children outlive their supervisor")
    slow.start()
    (operation,) = slow.settled(found)
    assert operation.state == "done"
    assert hosts(slow, found) == [0, 1]


def test_a_run_that_goes_on_in_silence_ends_before_another_begins(two_slow: Service) -> None:
    """The worker is frozen, its lease runs out; another one takes over. Thawed, the first one may write nothing."""
    slow = two_slow
    found = slow.create(3)
    until(lambda: len(hosts(slow, found)) == 1)
    (operation,) = slow.operations(found)
    pid = int(operation.worker.split("/")[1])
    os.kill(pid, signal.SIGSTOP)
    (operation,) = slow.settled(found)
    os.kill(pid, signal.SIGCONT)
    assert (operation.state, operation.attempts) == ("done", 2)
    until(lambda: "belongs to another worker; nothing is written" in slow.log())
    assert hosts(slow, found) == [0, 1, 2]
    assert slow.states(found) == dict.fromkeys(range(3), "configured")


def test_sigterm_ends_all_and_the_next_start_goes_on(slow: Service) -> None:
    found = slow.create(3)
    until(lambda: len(hosts(slow, found)) == 1)
    assert slow.supervisor is not None
    slow.supervisor.terminate()
    assert slow.supervisor.wait(LONG) == 0
    assert marked(SERVICE_MARK, slow.config.home) == []
    (operation,) = slow.operations(found)
    assert (operation.state, operation.attempts) == ("queued", 0)
    slow.start()
    assert [item.state for item in slow.settled(found)] == ["done"]
    assert hosts(slow, found) == [0, 1, 2]


def test_delete_overtakes(never: Service) -> None:
    found = never.create(1)
    never.ask(found, "reconfigure")
    until(lambda: hosts(never, found) == [0])
    never.ask(found, "delete")
    assert never.read(found).state_override == "deleting"
    operations = never.settled(found)
    assert [(item.kind, item.state) for item in operations] == [
        ("create", "cancelled"),
        ("reconfigure", "cancelled"),
        ("delete", "done"),
    ]
    assert "ann asked to delete" in operations[0].reason
    assert hosts(never, found) == []


def test_what_takes_too_long_is_stopped_and_fails(home: Path) -> None:
    service = Service(home, dummy_cloud=True, dummy_outcome="never", operation_timeout=12)
    try:
        service.start()
        found = service.create(1)
        (operation,) = service.settled(found)
        assert (operation.state, operation.reason) == ("failed", "It took longer than 12 s and was stopped.")
        assert service.states(found) == {0: "unconfigured"}
    finally:
        service.stop()


def test_runs_that_are_lost_again_and_again_fail_clearly(never: Service) -> None:
    found = never.create(1)
    for attempt in (1, 2):
        until(lambda attempt=attempt: never.operations(found)[0].attempts == attempt)
        never.kill("service.operations.dummy")
    (operation,) = never.settled(found)
    assert operation.state == "failed"
    assert operation.reason.startswith("It was begun 2 times and lost each time")
    assert never.read(found).failure == operation.reason


def test_a_failure_is_one_sentence(home: Path) -> None:
    service = Service(home, dummy_cloud=True, dummy_outcome="unconfigured")
    try:
        service.start()
        found = service.create(1)
        (operation,) = service.settled(found)
        assert (operation.state, operation.attempts) == ("failed", 1)
        assert operation.reason.endswith("Hint: Check that the host runs and that port 22 is open.")
        assert service.states(found) == {0: "unconfigured"}
        assert service.events(found)[-1].message == operation.reason
    finally:
        service.stop()


def test_operations_wait_for_their_credentials(dummy: Service) -> None:
    found = dummy.create(1, cloud_id="aws")
    until(lambda: dummy.operations(found)[0].reason == WAITS_FOR_CREDENTIALS)
    offer_credentials(dummy.engine, dummy.config, found, {"AWS_SECRET_ACCESS_KEY": "hush-hush-hush"})
    assert [item.state for item in dummy.settled(found)] == ["done"]
    assert VaultClient(dummy.config).take(found) == {"AWS_SECRET_ACCESS_KEY": "hush-hush-hush"}
    for file in dummy.home.rglob("*"):
        assert not file.is_file() or b"hush-hush" not in file.read_bytes(), file
    dummy.ask(found, "delete")
    dummy.settled(found)
    assert VaultClient(dummy.config).take(found) is None


def test_one_service_a_home(dummy: Service) -> None:
    second = dummy.spawn()
    assert second.wait(LONG) == 2
    assert "Another service runs with the home" in dummy.log()


def test_workers_that_die_are_started_again(dummy: Service) -> None:
    (before,) = dummy.processes("worker")
    dummy.kill("worker")
    until(lambda: [item.pid for item in dummy.processes("worker")] not in ([], [before.pid]))
    found = dummy.create(1)
    assert [item.state for item in dummy.settled(found)] == ["done"]


def test_a_short_fault_run(tmp_path: Path) -> None:
    figures = FaultRun(tmp_path / "home", "dummy", 4, seconds=15, pause=1, seed=7, quiet=300).run()
    assert figures.good, figures
    assert sum(figures.killed.values()) >= 3


@pytest.mark.long
def test_a_long_fault_run(tmp_path: Path) -> None:
    figures = FaultRun(tmp_path / "home", "local", 20, seconds=300, hosts=2, seed=1, quiet=1800).run()
    assert figures.good, figures

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs mean for the rows that state is read from."""

from __future__ import annotations

from typing import Any

import pytest
from service.db.engine import read_scope, session_scope
from service.db.models import Infrastructure, Vm
from service.operations import outcome
from service.operations.task import Task
from sqlalchemy import Engine

pytestmark = pytest.mark.unit
WANTED = [{"id": 0, "node": "front"}, {"id": 1, "node": "wn"}]


@pytest.fixture
def one(engine: Engine) -> str:
    with session_scope(engine) as session:
        row = Infrastructure(name="im-1")
        session.add(row)
        session.flush()
        return row.id


def task(one: str, kind: str = "create", wanted: Any = None, next_vm_id: int | None = None, **arguments: Any) -> Task:
    return Task(1, 1, 1, kind, arguments, one, "im-1", "local", "", 1, wanted=wanted, next_vm_id=next_vm_id)


def instance(number: int, node: str = "wn", state: str = "running", **more: Any) -> dict[str, Any]:
    return {"id": number, "node": node, "cloud_id": f"c{number}", "name": f"im-1-{number}", "state": state, **more}


def states(engine: Engine, one: str) -> dict[int, str]:
    with read_scope(engine) as session:
        return {vm.vm_id: vm.state for vm in session.get_one(Infrastructure, one).live_vms}


def read(engine: Engine, one: str) -> Infrastructure:
    with read_scope(engine) as session:
        return session.get_one(Infrastructure, one)


def deployed(engine: Engine, one: str) -> None:
    made = [instance(0, "front", public_ip="1.2.3.4"), instance(1)]
    with session_scope(engine) as session:
        outcome.begins(session, task(one, wanted=WANTED))
        outcome.succeeded(session, task(one, wanted=WANTED), {"instances": made, "outputs": {"ip": "1.2.3.4"}})


def test_hosts_that_are_not_configured_in_a_run_keep_what_they_are(engine: Engine, one: str) -> None:
    deployed(engine, one)
    more = [*WANTED, {"id": 2, "node": "wn"}]
    job = task(one, "add", more, configure=False)
    with session_scope(engine) as session:
        outcome.begins(session, job)
    assert states(engine, one) == {0: "configured", 1: "configured", 2: "pending"}
    with session_scope(engine) as session:
        outcome.succeeded(session, job, {"instances": [instance(number) for number in (0, 1, 2)]})
    assert states(engine, one) == {0: "configured", 1: "configured", 2: "running"}
    again = task(one, "reconfigure", more, hosts=[1])
    with session_scope(engine) as session:
        outcome.begins(session, again)
    assert states(engine, one) == {0: "configured", 1: "running", 2: "running"}
    with session_scope(engine) as session:
        outcome.failed(session, again, "no.")
    assert states(engine, one) == {0: "configured", 1: "unconfigured", 2: "running"}


@pytest.mark.parametrize(("memory", "kept"), [(1, {}), (2, {"memory": 2})])
def test_a_size_that_the_cloud_refuses_is_wanted_no_more(engine: Engine, one: str, memory: int, kept: Any) -> None:
    """One that the host got is, however the run ended."""
    before = {"cpus": None, "memory": 1, "instance_type": None}
    job = task(one, "alter", WANTED, vm_id=1, before={}, after={"memory": 2}, facts=before)
    with session_scope(engine) as session:
        outcome.begins(session, task(one, wanted=WANTED))
        outcome.seen(session, job, [instance(0), instance(1, memory=1)])
        row = session.get_one(Infrastructure, one)
        row.vms[1].extra = {"altered": {"memory": 2}}
        row.wanted = [vm.wanted for vm in row.vms]
        assert row.wanted[1] == {"id": 1, "node": "wn", "memory": 2}
    with session_scope(engine) as session:
        outcome.seen(session, job, [instance(1, memory=memory)])
        outcome.failed(session, job, "no.")
    found = read(engine, one)
    assert found.wanted is not None
    assert found.wanted[1] == {"id": 1, "node": "wn", **kept}


def test_from_pending_to_configured(engine: Engine, one: str) -> None:
    job = task(one, wanted=WANTED)
    with session_scope(engine) as session:
        outcome.begins(session, job)
    assert states(engine, one) == {0: "pending", 1: "pending"}
    assert read(engine, one).next_vm_id == 2
    with session_scope(engine) as session:
        outcome.seen(session, job, [instance(0, "front")])
    assert states(engine, one) == {0: "running", 1: "pending"}
    deployed(engine, one)
    assert states(engine, one) == {0: "configured", 1: "configured"}
    assert read(engine, one).outputs == {"ip": "1.2.3.4"}
    with read_scope(engine) as session:
        vm = session.get_one(Infrastructure, one).vms[0]
        assert (vm.node, vm.name, vm.cloud_id, vm.facts) == ("front", "im-1-0", "c0", {"public_ip": "1.2.3.4"})


def test_a_change_makes_all_hosts_running_and_drops_those_that_are_too_many(engine: Engine, one: str) -> None:
    deployed(engine, one)
    job = task(one, "remove", wanted=[WANTED[0]])
    with session_scope(engine) as session:
        outcome.begins(session, job)
    assert states(engine, one) == {0: "running", 1: "deleting"}
    with session_scope(engine) as session:
        outcome.seen(session, job, [instance(0, "front"), instance(1)])
    assert states(engine, one) == {0: "running", 1: "deleting"}
    with session_scope(engine) as session:
        outcome.succeeded(session, job, {"instances": [instance(0, "front")]})
    assert states(engine, one) == {0: "configured"}
    assert read(engine, one).next_vm_id == 2


def test_hosts_that_nobody_has_numbered_before_are_configured(engine: Engine, one: str) -> None:
    """A template says how many there are; the cloud gives the numbers."""
    job = task(one, wanted=None, next_vm_id=0)
    with session_scope(engine) as session:
        outcome.begins(session, job)
        outcome.seen(session, job, [instance(0), instance(1)])
        outcome.succeeded(session, job, {"instances": [instance(0), instance(1)]})
    assert states(engine, one) == {0: "configured", 1: "configured"}


def asked_for_later(engine: Engine, one: str) -> None:
    """Somebody adds a host while a run is going."""
    with session_scope(engine) as session:
        row = session.get_one(Infrastructure, one)
        row.vms.append(Vm(vm_id=2, node="wn", state="pending"))
        row.next_vm_id = 3


@pytest.mark.parametrize("kind", ["create", "start", "remove"])
def test_a_run_says_nothing_about_hosts_that_were_asked_for_after_it_had_begun(
    engine: Engine, one: str, kind: str
) -> None:
    deployed(engine, one)
    job = task(one, kind, wanted=WANTED, next_vm_id=2)
    asked_for_later(engine, one)
    with session_scope(engine) as session:
        outcome.begins(session, job)
    assert states(engine, one)[2] == "pending"
    with session_scope(engine) as session:
        outcome.succeeded(session, job, {"instances": [instance(0, "front"), instance(1)]})
    assert states(engine, one) == {0: "configured", 1: "configured", 2: "pending"}


def test_a_failed_run_says_nothing_about_hosts_that_were_asked_for_or_removed_after_it_had_begun(
    engine: Engine, one: str
) -> None:
    deployed(engine, one)
    job = task(one, "reconfigure", wanted=WANTED, next_vm_id=2)
    with session_scope(engine) as session:
        outcome.begins(session, job)
    asked_for_later(engine, one)
    with session_scope(engine) as session:
        session.get_one(Infrastructure, one).live_vms[1].state = "deleting"
    with session_scope(engine) as session:
        outcome.failed(session, job, "no.")
    assert states(engine, one) == {0: "unconfigured", 1: "deleting", 2: "pending"}


def test_a_failed_configuration_makes_all_hosts_unconfigured(engine: Engine, one: str) -> None:
    deployed(engine, one)
    job = task(one, "add", wanted=[*WANTED, {"id": 2, "node": "wn"}])
    with session_scope(engine) as session:
        outcome.begins(session, job)
        outcome.failed(session, job, "wn, task 'x': no.")
    assert states(engine, one) == {0: "unconfigured", 1: "unconfigured", 2: "failed"}
    assert read(engine, one).failure == "wn, task 'x': no."
    with session_scope(engine) as session:
        outcome.begins(session, job)
    assert states(engine, one) == {0: "running", 1: "running", 2: "pending"}
    assert read(engine, one).failure == ""


def test_power_keeps_the_result_of_the_configuration(engine: Engine, one: str) -> None:
    deployed(engine, one)
    with session_scope(engine) as session:
        outcome.succeeded(session, task(one, "stop", hosts=[1]), {})
    assert states(engine, one) == {0: "configured", 1: "stopped"}
    with session_scope(engine) as session:
        outcome.seen(session, task(one, "start"), [instance(0), instance(1)])
        outcome.succeeded(session, task(one, "start"), {})
    assert states(engine, one) == {0: "configured", 1: "configured"}


def test_a_failed_stop_is_told(engine: Engine, one: str) -> None:
    deployed(engine, one)
    with session_scope(engine) as session:
        outcome.failed(session, task(one, "stop"), "no.")
    assert states(engine, one) == {0: "configured", 1: "configured"}
    assert read(engine, one).failure == "no."
    with session_scope(engine) as session:
        outcome.succeeded(session, task(one, "stop"), {})
    assert read(engine, one).failure == ""


def test_power_does_not_hide_a_failed_configuration(engine: Engine, one: str) -> None:
    deployed(engine, one)
    with session_scope(engine) as session:
        outcome.failed(session, task(one, "reconfigure"), "no.")
        outcome.begins(session, task(one, "start"))
        outcome.succeeded(session, task(one, "start"), {})
    assert read(engine, one).failure == "no."
    assert states(engine, one) == {0: "unconfigured", 1: "unconfigured"}


def test_deletion(engine: Engine, one: str) -> None:
    deployed(engine, one)
    with session_scope(engine) as session:
        session.get_one(Infrastructure, one).state_override = "deleting"
        outcome.failed(session, task(one, "delete"), "no.")
    assert read(engine, one).state_override == ""
    with session_scope(engine) as session:
        outcome.deleted(session, task(one, "delete"))
    row = read(engine, one)
    assert (row.deleted_at is not None, row.outputs, row.failure) == (True, {}, "")
    assert states(engine, one) == {}


def test_hosts_that_come_back_are_no_longer_deleted(engine: Engine, one: str) -> None:
    with session_scope(engine) as session:
        session.add(Vm(infrastructure_id=one, vm_id=0, deleted_at=read(engine, one).created_at))
    with session_scope(engine) as session:
        outcome.seen(session, task(one), [instance(0)])
    assert states(engine, one) == {0: "running"}

"""Faults of the APIs at every call: one clear sentence or none at all, then it converges, and nothing is left behind.

The whole table is a long test. A part of it runs always; all of it runs in memory (tests/unit/openstack).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError

from lab.openstack.client import LabError

from .conftest import FRONT, NAME, WORKERS, World, make_cloud

pytestmark = pytest.mark.integration

KINDS = ["throttle", "error500", "error503", "lost_answer", "lost_request", "denied", "unauthorized"]
# Faults that differ for calls that only read. Each of these calls meets one of them: one piece of code makes them all.
READING = ("throttle", "error500", "denied", "unauthorized")
# In make test.
SAMPLE = [
    ("compute:POST /servers", "lost_answer"),
    ("network:POST /ports", "lost_answer"),
    ("compute:POST /servers", "unauthorized"),
]
SAMPLE_OF_DESTROY = [("compute:DELETE /servers/ID", "lost_answer")]


def attempt(action: Callable[[], object]) -> str:
    """What a person reads when something fails, "" when it works."""
    try:
        action()
    except HostsError as error:
        text = str(error)
        assert "\n" not in text
        assert "Traceback" not in text
        return text
    return ""


def converges(world: World) -> None:
    """A run after a failure makes what is missing; hosts that were not made leave gaps between the numbers."""
    done = world.deploy()
    assert sorted(item["node"] for item in done.instances) == ["front", "wn", "wn"]


def one_deploy(world: World, kind: str, action: str, nth: int = 1) -> str:
    """Strike while deploying; then it converges, once and for good, and can be destroyed."""
    world.lab.add_fault(kind, action=action, nth=nth)
    said = attempt(world.deploy)
    struck = world.lab.struck()
    world.lab.clear_faults()
    if said:
        converges(world)
    assert struck
    assert not world.twins()
    assert len(world.servers()) == 3
    assert not world.deploy().changed
    world.destroy()
    assert not world.left()
    return said


def one_destroy(world: World, kind: str, action: str, nth: int = 1) -> str:
    """Strike while destroying."""
    world.deploy()
    world.lab.add_fault(kind, action=action, nth=nth)
    said = attempt(world.destroy)
    assert world.lab.struck()
    world.lab.clear_faults()
    world.destroy()
    assert not world.left()
    return said


@pytest.mark.parametrize(("action", "kind"), SAMPLE)
def test_a_fault_while_deploying(world: World, action: str, kind: str) -> None:
    assert not one_deploy(world, kind, action), "this one is survived without a word"


@pytest.mark.parametrize(("action", "kind"), SAMPLE_OF_DESTROY)
def test_a_fault_while_destroying(world: World, action: str, kind: str) -> None:
    assert not one_destroy(world, kind, action)


def places(calls: list[str], action: str) -> list[int]:
    """The first and the last time that a call is made; how often something is read while waiting is never the same."""
    return sorted({1, 1 if ":GET " in action else calls.count(action)})


def rows(calls: list[str], kind: str) -> list[tuple[str, int]]:
    """The calls that a kind of fault is tried at: all that change something, and some of those that only read."""
    reading = sorted({action for action in calls if ":GET " in action})
    left = {action for place, action in enumerate(reading) if READING[place % len(READING)] != kind}
    return [(action, nth) for action in dict.fromkeys(calls) if action not in left for nth in places(calls, action)]


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phase", ["deploy", "destroy"])
def test_every_fault_at_every_call(world: World, kind: str, phase: str) -> None:
    """The table: prints a line for each row, and goes on after one that fails."""
    deploying = world.calls_of(world.deploy)
    destroying = world.calls_of(world.destroy)
    calls, one = (deploying, one_deploy) if phase == "deploy" else (destroying, one_destroy)
    failed = []
    for action, nth in rows(calls, kind):
        begin = time.monotonic()
        if action.endswith(":GET /"):  # the versions of a service: asked for once a connection
            world.cloud = make_cloud(world.lab.environment)
        try:
            said = one(world, kind, action, nth) or "goes on"
        except (AssertionError, HostsError, LabError) as error:
            said = f"FAILED: {type(error).__name__} {error}"
            failed.append(f"{phase} {action} {nth} {kind} {said}")
            world.lab.reset()
        print(f"| {phase} | {action} {nth} | {kind} | {said} | {time.monotonic() - begin:.0f} s |", flush=True)
    assert not failed, "\n".join(failed)


def test_no_valid_host_is_one_sentence_and_the_next_run_makes_another(world: World) -> None:
    world.lab.add_fault("no_valid_host")
    said = attempt(world.deploy)
    assert "Nova failed with the host" in said
    assert "no room for this flavor" in said
    world.lab.clear_faults()
    done = world.deploy()
    assert len(done.deleted) == 1
    assert len(world.servers()) == 3
    world.destroy()
    assert not world.left()


@pytest.mark.parametrize(
    "action",
    [
        "compute:POST /servers",
        pytest.param("network:POST /ports", marks=pytest.mark.long),
        pytest.param("volume:POST /volumes", marks=pytest.mark.long),
    ],
)
def test_a_quota_that_is_used_up_meanwhile_is_one_sentence(world: World, action: str) -> None:
    world.lab.add_fault("quota", action=action)
    said = attempt(world.deploy)
    assert "higher quota" in said
    world.lab.clear_faults()
    converges(world)
    world.destroy()
    assert not world.left()


@pytest.mark.long
def test_hosts_that_are_slow_to_build(world: World) -> None:
    world.lab.settings(build_seconds=20)
    said = attempt(lambda: world.deploy(groups=(replace(WORKERS, count=1),), timeout=3))
    assert "not ACTIVE after 3 s" in said
    world.lab.settings(build_seconds=0)
    assert [item["name"] for item in world.deploy(groups=(replace(WORKERS, count=1),)).instances] == [f"{NAME}-wn-0"]
    world.destroy()
    assert not world.left()


@pytest.mark.long
def test_a_fault_while_growing(world: World) -> None:
    world.deploy(groups=(FRONT, replace(WORKERS, count=1)))
    world.lab.add_fault("lost_answer", action="compute:POST /servers", nth=1)
    done = world.deploy(groups=(FRONT, replace(WORKERS, count=3)))
    assert len(world.servers()) == len(done.instances) == 4

"""Whatever goes wrong at whatever call: the run succeeds or says why in one sentence, the next run converges, nothing
is there twice and nothing is left.

The table is made from the calls that a run without faults makes. `make test` takes a sample, `make test-long` all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError

from .conftest import FRONT, NAME, WORKERS, World

pytestmark = pytest.mark.integration

KINDS = ("throttle", "error500", "error503", "lost_answer", "lost_request", "denied")
NAMES = [f"{NAME}-front-0", f"{NAME}-wn-1", f"{NAME}-wn-2"]
SAMPLE = (
    ("RunInstances", "lost_answer", "last"),
    ("CreateVpc", "lost_answer", "first"),
    ("CreateSecurityGroup", "lost_answer", "last"),
    ("ImportKeyPair", "lost_answer", "first"),
    ("AllocateAddress", "lost_answer", "first"),
    ("CreateNatGateway", "error503", "first"),
    ("RunInstances", "throttle", "first"),
    ("CreateTags", "denied", "last"),
    ("AuthorizeSecurityGroupIngress", "denied", "last"),
    ("DescribeInstances", "error500", "last"),
)
SAMPLE_OF_DESTROY = (
    ("TerminateInstances", "lost_answer", "first"),
    ("DeleteVpc", "denied", "first"),
    ("DeleteSubnet", "lost_answer", "last"),
    ("ReleaseAddress", "error500", "first"),
)


def attempt(action: Callable[[], object]) -> str:
    """Do something; return what it fails with, which must be for people."""
    try:
        action()
    except HostsError as error:
        sentence = str(error)
        assert sentence.strip()
        assert "Traceback" not in sentence
        assert len(sentence) < 1500
        return sentence
    return ""


def places(calls: list[str], action: str) -> dict[str, int]:
    """The first and the last call of an action."""
    times = calls.count(f"ec2:{action}")
    return {"first": 1, "last": times} if times else {}


def strike(world: World, kind: str, action: str, nth: int) -> None:
    world.lab.add_fault(kind, action=action, nth=nth)


def check_struck(world: World, kind: str, action: str, nth: int) -> None:
    """How often something is looked at while it is waited for differs from run to run: the last time may not come."""
    assert world.lab.struck() or (action.startswith("Describe") and nth > 1), f"{kind} at {action} {nth} did not strike"
    world.lab.clear_faults()


def one_deploy(world: World, kind: str, action: str, nth: int) -> str:
    """Deploy with a fault, then without; then destroy. Returns what the first run said."""
    strike(world, kind, action, nth)
    said = attempt(world.deploy)
    check_struck(world, kind, action, nth)
    assert kind == "denied" or not said, said
    done = world.deploy()
    assert [item["name"] for item in done.instances] == NAMES
    assert not world.twins()
    assert len(world.instances()) == 3
    assert not world.deploy().changed
    assert not attempt(world.destroy)
    assert not world.left()
    return said


def one_destroy(world: World, kind: str, action: str, nth: int) -> str:
    """Destroy with a fault, then without. Returns what the first run said."""
    world.deploy()
    strike(world, kind, action, nth)
    said = attempt(world.destroy)
    check_struck(world, kind, action, nth)
    assert kind == "denied" or not said, said
    assert not attempt(world.destroy)
    assert not world.left()
    return said


@pytest.mark.parametrize(("action", "kind", "place"), SAMPLE)
def test_a_fault_while_deploying(world: World, action: str, kind: str, place: str) -> None:
    calls = world.calls_of(world.deploy)
    world.destroy()
    one_deploy(world, kind, action, places(calls, action)[place])


@pytest.mark.parametrize(("action", "kind", "place"), SAMPLE_OF_DESTROY)
def test_a_fault_while_destroying(world: World, action: str, kind: str, place: str) -> None:
    world.deploy()
    calls = world.calls_of(world.destroy)
    one_destroy(world, kind, action, places(calls, action)[place])


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("phase", ["deploy", "destroy"])
def test_every_fault_at_every_call(world: World, kind: str, phase: str) -> None:
    """The whole table: prints a line for each row."""
    deploying = world.calls_of(world.deploy)
    destroying = world.calls_of(world.destroy)
    calls, one = (deploying, one_deploy) if phase == "deploy" else (destroying, one_destroy)
    for call in dict.fromkeys(calls):
        action = call.removeprefix("ec2:")
        for place, nth in places(calls, action).items():
            if place == "last" and nth == 1:
                continue
            said = one(world, kind, action, nth)
            print(f"| {phase} | {action} {place} | {kind} | {said or 'goes on'} |")


def test_throttling_that_does_not_end_is_one_sentence(world: World) -> None:
    world.lab.add_fault("throttle", action="CreateSubnet", count=-1)
    said = attempt(world.deploy)
    assert "AWS refused CreateSubnet" in said
    assert "run again in a minute" in said
    world.lab.clear_faults()
    assert [item["name"] for item in world.deploy().instances] == NAMES
    assert not world.twins()


@pytest.mark.parametrize(("kind", "words"), [("capacity", "choose another instance_type"), ("quota", "higher quota")])
def test_no_room_is_one_sentence(world: World, kind: str, words: str) -> None:
    world.lab.add_fault(kind, action="RunInstances", nth=2)
    said = attempt(world.deploy)
    assert words in said
    world.lab.clear_faults()
    assert [item["name"] for item in world.deploy().instances] == NAMES


def test_hosts_that_are_slow_to_run(world: World) -> None:
    world.lab.settings(pending_seconds=60)
    said = attempt(lambda: world.deploy(timeout=2, nat=False))
    assert "not running after 2 s" in said
    world.lab.settings(pending_seconds=0.1)
    world.lab.client("ec2").describe_instances()
    world.destroy()
    assert not world.left()


def test_two_lost_answers_leave_nothing(world: World) -> None:
    """The answers to two calls that have no token are lost, and so is the look for what they made."""
    world.lab.add_fault("lost_answer", action="CreateVpc", nth=1, count=2)
    attempt(world.deploy)
    world.lab.clear_faults()
    world.deploy()
    world.destroy()
    assert not world.left()


def test_a_fault_while_growing(world: World) -> None:
    world.deploy(groups=(FRONT, replace(WORKERS, count=1)))
    world.lab.add_fault("lost_answer", action="RunInstances", nth=1)
    done = world.deploy(groups=(FRONT, replace(WORKERS, count=3)))
    assert len(world.instances()) == len(done.instances) == 4

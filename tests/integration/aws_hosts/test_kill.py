"""A run that is killed (SIGKILL) right after an API call: the next run converges, and a destruction leaves nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._aws.cloud import Client, Cloud

from .conftest import CONFIG, NAME, World

pytestmark = pytest.mark.integration

NAMES = [f"{NAME}-front-0", f"{NAME}-wn-1", f"{NAME}-wn-2"]
EVERY = 10


class Deadly:
    """A client that ends its process, as kill -9 does, right after the nth call that changes something."""

    def __init__(self, client: Client, after: int, counter: list[int]) -> None:
        self._client, self._after, self._counter = client, after, counter

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        method: Callable[..., dict[str, Any]] = getattr(self._client, name)

        def call(**arguments: Any) -> dict[str, Any]:
            answer = method(**arguments)
            if not name.startswith("describe_"):
                self._counter[0] += 1
                if self._counter[0] == self._after:
                    os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call


def killed(world: World, action: str, after: int) -> bool:
    """Run in a process of its own, which is killed after some calls; false when it ended before."""

    def run() -> None:
        counter = [0]
        world.cloud = Cloud(
            lambda service: Deadly(world.lab.client(service, config=CONFIG), after, counter), world.cloud.region, 0.05
        )
        getattr(world, action)()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(120)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    return process.exitcode != 0


def changing(calls: list[str]) -> int:
    return len([call for call in calls if not call.startswith("ec2:Describe")])


def deploy_killed_after(world: World, after: int) -> None:
    assert killed(world, "deploy", after)
    done = world.deploy()
    assert [item["name"] for item in done.instances] == NAMES
    assert len(world.instances()) == 3
    assert not world.twins()
    assert not world.deploy().changed
    world.destroy()
    assert not world.left()


def destroy_killed_after(world: World, after: int) -> None:
    world.deploy()
    assert killed(world, "destroy", after)
    world.destroy()
    assert not world.left()


def each_call(world: World, action: str, step: int) -> list[int]:
    calls = world.calls_of(world.deploy)
    gone = world.calls_of(world.destroy)
    # Retries while something is on its way out make the number differ a little: stay below it.
    total = changing(calls) if action == "deploy" else changing(gone) - 3
    return list(range(1, total, step))


@pytest.mark.parametrize(("action", "one"), [("deploy", deploy_killed_after), ("destroy", destroy_killed_after)])
def test_killed_after_some_calls(world: World, action: str, one: Callable[[World, int], None]) -> None:
    for after in each_call(world, action, EVERY):
        one(world, after)


@pytest.mark.long
@pytest.mark.parametrize(("action", "one"), [("deploy", deploy_killed_after), ("destroy", destroy_killed_after)])
def test_killed_after_every_call(world: World, action: str, one: Callable[[World, int], None]) -> None:
    for after in each_call(world, action, 1):
        one(world, after)


def test_a_destruction_after_a_kill(world: World) -> None:
    calls = changing(world.calls_of(world.deploy))
    world.destroy()
    assert killed(world, "deploy", calls - 4)
    world.destroy()
    assert not world.left()

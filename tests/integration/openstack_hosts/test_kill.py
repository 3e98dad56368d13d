"""A run that is killed (SIGKILL) right after an API call: the next run converges, and a destruction leaves nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._openstack.cloud import Cloud
from ansible_collections.continuum.im.plugins.module_utils._openstack.site import Answer, Site

from .conftest import World, make_cloud

pytestmark = pytest.mark.integration

EVERY = 18
# The next ansible-playbook takes as long to start, at least.
START_SECONDS = 1.0


class Deadly:
    """A site that ends its process, as kill -9 does, right after the nth call that changes something."""

    def __init__(self, site: Site, after: int) -> None:
        self._site, self._after = site, after
        self._count, self._lock = 0, threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._site, name)

    def ask(self, service: str, method: str, path: str, body: Any = None, version: str = "") -> Answer:
        answer = self._site.ask(service, method, path, body, version)
        if method != "GET":
            with self._lock:
                self._count += 1
                if self._count == self._after:
                    os.kill(os.getpid(), signal.SIGKILL)
        return answer


def killed(world: World, action: str, after: int) -> bool:
    """Run in a process of its own, which is killed after some calls; false when it ended before."""

    def run() -> None:
        # A way to the lab of its own: two processes cannot share connections.
        world.cloud = Cloud(Deadly(make_cloud(world.lab.environment).site, after), 0.2)
        getattr(world, action)()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(180)
    assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
    wait_for_calls_under_way(world)
    return process.exitcode != 0


def wait_for_calls_under_way(world: World) -> None:
    """Several calls are made at once: the services end those that the killed run was waiting for."""
    before: dict[str, Any] | None = None
    for _look in range(30):
        time.sleep(START_SECONDS)
        now = world.lab.describe()
        if now == before:
            return
        before = now


def changing(calls: list[str]) -> int:
    return len([call for call in calls if ":GET " not in call])


def deploy_killed_after(world: World, after: int) -> None:
    assert killed(world, "deploy", after)
    done = world.deploy()
    assert sorted(item["node"] for item in done.instances) == ["front", "wn", "wn"]
    assert len(world.servers()) == 3
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
    total = changing(calls) if action == "deploy" else changing(gone) - 2
    return list(range(1, total, step))


@pytest.mark.long
@pytest.mark.parametrize("step", [1])
@pytest.mark.parametrize(("action", "one"), [("deploy", deploy_killed_after), ("destroy", destroy_killed_after)])
def test_killed_after_every_call(world: World, action: str, one: Callable[[World, int], None], step: int) -> None:
    failed = []
    for after in each_call(world, action, step):
        try:
            one(world, after)
        except (AssertionError, HostsError) as error:
            failed.append(f"{action} killed after {after} calls: {error}")
            world.destroy()
    assert not failed, "\n".join(failed)


def test_killed_after_some_calls(world: World) -> None:
    """Among them right after a server was made, and when its number was not written down yet."""
    for after in each_call(world, "deploy", EVERY)[1:]:
        deploy_killed_after(world, after)

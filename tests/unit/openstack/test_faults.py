# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault at every call, and a kill after every call, on an OpenStack in memory: the next run converges, and a
destruction leaves nothing. A sample of this runs against the real services (tests/integration/openstack_hosts)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._openstack.errors import LostError
from ansible_collections.continuum.im.plugins.module_utils._openstack.site import Answer

from .test_converge import FRONT, WORKERS, World

pytestmark = pytest.mark.unit

ANSWERS = {
    "throttle": Answer(429, {"overLimit": {"message": "too many calls"}}, 1),
    "error500": Answer(500, {"computeFault": {"message": "Unexpected API Error."}}),
    "error503": Answer(503, "<html>Service Unavailable</html>"),
    "denied": Answer(403, {"forbidden": {"message": "Policy doesn't allow it."}}),
    "unauthorized": Answer(401, {"error": {"message": "The request you have made requires authentication."}}),
    "quota": Answer(409, {"NeutronError": {"type": "OverQuota", "message": "Quota exceeded for resources."}}),
}
KINDS = [*ANSWERS, "lost_request", "lost_answer"]
# What is survived without a word.
HARMLESS = ("throttle", "error500", "error503", "lost_request", "lost_answer")
# A root disk from cinder, a public network of the site beside it: everything that there is to make.
GROUPS = (FRONT, replace(WORKERS, disk=100 * 1024**3))


class KilledError(BaseException):
    """The end of a process, as far as one process can play it."""


def deploy(world: World) -> Any:
    return world.deploy(groups=GROUPS)


def fails_at(world: World, kind: str, nth: int) -> None:
    """Let the nth call from now on fail, once."""
    count = [0]

    def before(call: str, body: Any) -> Answer | None:
        count[0] += 1
        if count[0] == nth and kind == "lost_request":
            raise LostError("connection refused")
        return ANSWERS.get(kind) if count[0] == nth else None

    def after(call: str) -> None:
        if count[0] == nth and kind in ("lost_answer", "kill"):
            count[0] += 1
            raise LostError("cut") if kind == "lost_answer" else KilledError

    world.site.hook, world.site.after = before, after


def works_again(world: World) -> None:
    world.site.hook, world.site.after = lambda call, body: None, lambda call: None


def attempt(action: Callable[[], object]) -> str:
    try:
        action()
    except HostsError as error:
        return str(error)
    except KilledError:
        return "killed"
    return ""


def calls_of(action: str) -> list[str]:
    world = World()
    if action == "destroy":
        deploy(world)
    world.site.calls.clear()
    deploy(world) if action == "deploy" else world.destroy()
    return list(world.site.calls)


def twins(world: World) -> list[str]:
    named = [(kind, item.get("name")) for kind, items in world.site.things.items() for item in items.values()]
    return [f"{kind} {name}" for (kind, name), count in Counter(named).items() if name and count > 1]


@pytest.mark.parametrize("kind", [*KINDS, "kill"])
def test_every_fault_at_every_call_while_deploying(kind: str) -> None:
    for nth, call in enumerate(calls_of("deploy"), 1):
        world = World()
        fails_at(world, kind, nth)
        said = attempt(partial(deploy, world))
        works_again(world)
        assert "\n" not in said
        assert not said or kind not in HARMLESS, (nth, call, said)
        done = deploy(world)
        assert sorted(item["node"] for item in done.instances) == ["front", "wn", "wn"], (nth, call)
        assert len(world.site.things["servers"]) == 3, (nth, call)
        assert not twins(world), (nth, call)
        assert not deploy(world).changed, (nth, call)
        assert len(world.site.things["volumes"]) == 3, (nth, call)
        assert len(world.site.things["floatingips"]) == 1, (nth, call)
        world.destroy()
        assert not world.site.mine(), (nth, call)


@pytest.mark.parametrize("kind", [*KINDS, "kill"])
def test_every_fault_at_every_call_while_destroying(kind: str) -> None:
    for nth, call in enumerate(calls_of("destroy"), 1):
        world = World()
        deploy(world)
        fails_at(world, kind, nth)
        said = attempt(world.destroy)
        works_again(world)
        assert not said or kind not in HARMLESS, (nth, call, said)
        world.destroy()
        assert not world.site.mine(), (nth, call)


@pytest.mark.parametrize("kind", ["denied", "lost_answer", "kill"])
def test_every_fault_at_every_call_while_shrinking_and_growing(kind: str) -> None:
    fewer, more = (FRONT, replace(GROUPS[1], count=1)), (FRONT, replace(GROUPS[1], count=3))
    for groups, count in ((fewer, 2), (more, 4)):
        for nth in range(1, 80):
            world = World()
            deploy(world)
            fails_at(world, kind, nth)
            attempt(partial(world.deploy, groups=groups))
            works_again(world)
            done = world.deploy(groups=groups)
            assert len(done.instances) == len(world.site.things["servers"]) == count, nth
            numbers = [item["id"] for item in done.instances]
            assert len(set(numbers)) == len(numbers)
            assert not world.deploy(groups=groups).changed
            world.destroy()
            assert not world.site.mine(), nth


@pytest.mark.parametrize("kind", ["networks", "routers", "security-groups", "os-server-groups", "ports", "volumes"])
def test_what_a_killed_run_had_asked_for_comes_late_and_goes(kind: str) -> None:
    """The next run looks before it is there, and makes another one, which is in use when the one after that looks."""
    world = World()
    deploy(world)
    there = world.site.things[kind]
    used = dict(there)
    first = next(item for item in used.values() if item["name"].startswith(("im-t.", "t-")))
    late = {"members": [], "security_group_rules": [], "device_id": "", "attachments": [], "status": "available"}
    there["0"] = {**first, **late, "id": "0", "tags": []}
    planned, done = world.deploy(groups=GROUPS, check=True), deploy(world)
    assert done.changed
    assert sorted(planned.before) == sorted(done.before)
    assert there == used
    assert not deploy(world).changed
    assert len(world.deploy(groups=(FRONT, replace(GROUPS[1], count=4))).instances) == 5
    assert "0" not in there


def test_a_subnet_that_a_killed_run_had_asked_for_is_taken_when_it_came_late() -> None:
    world = World()
    overlap = "Requested subnet with cidr: 10.0.0.0/20 for network: n overlaps with another subnet."

    def late(call: str, body: Any) -> Answer | None:
        if call != "POST /subnets" or world.site.things["subnets"]:
            return None
        world.site.add("subnets", **body["subnet"])
        return Answer(400, {"NeutronError": {"type": "InvalidInput", "message": overlap}})

    world.site.hook = late
    assert len(deploy(world).instances) == 3
    assert not deploy(world).changed


def test_a_host_that_a_killed_run_had_asked_for_is_told_and_goes_with_the_next_run() -> None:
    world = World()

    def late(call: str, body: Any) -> Answer | None:
        if call == "POST /servers" and not world.site.things["servers"]:
            tags = {"im_infrastructure": "t", "im_node": "wn", "im_instance": "1"}
            world.site.add("servers", name="t-wn-1", metadata=tags, status="ACTIVE", volumes=[], flavor={"id": "small"})
        return None

    world.site.hook = late
    done = deploy(world)
    assert len(done.instances) == 3
    assert [text for text in done.warnings if "t-wn-1 came meanwhile" in text]
    deploy(world)
    assert len(world.site.things["servers"]) == 3
    assert not deploy(world).changed


def test_a_volume_that_a_host_took_meanwhile_stays() -> None:
    world = World()
    deploy(world)
    tags = {"im_infrastructure": "t", "im_instance": "9", "im_volume": "data"}
    world.site.add("volumes", id="free", name="t-wn-9-data", metadata=tags, status="available", attachments=[])
    taken = Answer(400, {"badRequest": {"message": "Invalid volume: Volume status must be available."}})
    world.site.hook = lambda call, body: taken if call == "DELETE /volumes/free" else None
    assert len(deploy(world).instances) == 3


def test_a_host_that_lost_its_port_is_named() -> None:
    world = World()
    deploy(world)
    world.site.things["floatingips"].clear()
    (front,) = [item for item in world.site.things["servers"].values() if item["name"] == "t-front-0"]
    ports = world.site.things["ports"]
    for number in [number for number, item in ports.items() if item.get("device_id") == front["id"]]:
        del ports[number]
    with pytest.raises(HostsError, match="The host t-front-0 has no port at any network"):
        deploy(world)


def test_a_port_that_a_host_took_meanwhile_stays() -> None:
    world = World()
    deploy(world)
    first = next(item for item in world.site.things["ports"].values() if item["name"] == "im-t.port-1-private")
    world.site.things["ports"]["free"] = {**first, "id": "free", "name": "im-t.port-9-private", "device_id": ""}

    def taken(call: str, body: Any) -> Answer | None:
        looks.append(call)
        if looks.count("GET /ports") == 2:
            world.site.things["ports"]["free"]["device_id"] = "late"
        return None

    looks: list[str] = []
    world.site.hook = taken
    deploy(world)
    assert "free" in world.site.things["ports"]


def test_networks_that_people_renamed_are_nobodys_twins() -> None:
    world = World()
    deploy(world)
    (network,) = [item for item in world.site.things["networks"].values() if item["name"].startswith("im-t.")]
    for name in ("mine", "too"):
        world.site.things["networks"][name] = {**network, "id": name, "name": name}
    assert not deploy(world).changed
    assert {"mine", "too"} < set(world.site.things["networks"])

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which calls a run makes: none twice, what can be at the same time is, and others' servers are not asked for."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._openstack import lifecycle
from ansible_collections.continuum.im.plugins.module_utils._openstack.cloud import Cloud
from ansible_collections.continuum.im.plugins.module_utils._openstack.kinds import SERVERS, VOLUMES
from ansible_collections.continuum.im.plugins.module_utils._openstack.site import Answer

from .fake import FakeSite
from .test_converge import WORKERS, World

pytestmark = pytest.mark.unit

MEETING_SECONDS = 30


class Meeting(FakeSite):
    """A site on which some calls go on only when all of them are under way."""

    def __init__(self, *calls: str) -> None:
        super().__init__()
        self._calls, self._barrier = calls, threading.Barrier(len(calls), timeout=MEETING_SECONDS)
        self._met: set[str] = set()

    def ask(self, service: str, method: str, path: str, body: Any = None, version: str = "") -> Answer:
        call = f"{method} {path.partition('?')[0]}"
        if call in self._calls and call not in self._met:
            self._met.add(call)
            self._barrier.wait()
        return super().ask(service, method, path, body, version)


@pytest.mark.parametrize(
    "calls",
    [
        ("GET /images", "GET /flavors/detail", "GET /limits", f"GET /quotas/{FakeSite.project}/details"),
        ("POST /os-keypairs", "POST /networks", "POST /security-groups", "POST /os-server-groups"),
        ("POST /ports", "POST /routers", "POST /volumes"),
    ],
)
def test_what_does_not_depend_on_each_other_is_done_at_the_same_time(calls: tuple[str, ...]) -> None:
    assert World(Meeting(*calls)).deploy().created


def test_without_floating_addresses_nothing_waits_for_the_router() -> None:
    assert World(Meeting("POST /routers", "POST /servers")).deploy(floating_ips="never").created


def test_a_site_without_free_floating_addresses_makes_no_host() -> None:
    world = World()
    full = {"NeutronError": {"message": "No more IP addresses available on network public."}}
    world.site.hook = lambda call, body: Answer(409, full) if call == "POST /floatingips" else None
    with pytest.raises(HostsError, match="No more IP addresses"):
        world.deploy()
    assert not world.site.things["servers"]


@pytest.mark.parametrize("kinds", [("ports", "keys"), ("servers", "floatingips"), ("servers", "routers")])
def test_kinds_that_do_not_hold_each_other_are_removed_at_the_same_time(kinds: tuple[str, str]) -> None:
    world = World()
    world.deploy()
    port = next(number for number, item in world.site.things["ports"].items() if item["name"].startswith("im-t.port"))
    mine = {kind: f"/{kind}/{next(iter(items))}" for kind, items in world.site.mine().items()}
    paths = {**mine, "ports": f"/ports/{port}", "keys": "/os-keypairs/im-t"}
    meeting = Meeting(*(f"DELETE {paths[kind]}" for kind in kinds))
    meeting.things = world.site.things
    assert len(World(meeting).destroy().deleted) == 3
    assert not meeting.mine()


def test_a_port_that_is_held_for_a_moment_ends_no_other_removal() -> None:
    world = World()
    world.deploy()
    world.site.calls.clear()
    world.site.add("volumes", id="late", name="late", metadata={"im_infrastructure": "t"}, status="deleting")
    held = [Answer(409, {"NeutronError": {"message": "The port is in use."}})] * 3

    def hook(call: str, body: Any) -> Answer | None:
        if world.site.calls.count("GET /volumes/detail") > 8:  # cinder takes its time
            world.site.things["volumes"].clear()
        return held.pop() if call.startswith("DELETE /ports") and held else None

    world.site.hook = hook
    world.destroy()
    assert not world.site.mine()
    assert not held
    # Before and after: nothing had to be tried again from the beginning.
    assert world.site.calls.count("GET /networks") == 2


def test_a_deployment_reads_nothing_twice() -> None:
    world = World()
    world.deploy()
    before = world.site.calls[: world.site.calls.index("POST /servers")]
    twice = [call for call, count in Counter(before).items() if call.startswith("GET ") and count > 1]
    # The limits of nova and of cinder; volumes are waited for.
    assert sorted(twice) == ["GET /limits", "GET /volumes/detail"]
    assert before.count("GET /limits") == 2


def test_the_order_of_what_is_told_is_always_the_same() -> None:
    told = [World().deploy() for _attempt in range(5)]
    assert {tuple(done.after) for done in told} == {tuple(told[0].after)}
    assert {tuple(done.choices) for done in told} == {tuple(told[0].choices)}


def test_of_several_failures_the_first_is_told_and_nothing_of_nova_is_made() -> None:
    world = World()
    refusal = Answer(403, {"forbidden": {"message": "no"}})
    world.site.hook = lambda call, body: refusal if call in ("POST /networks", "POST /security-groups") else None
    for _attempt in range(3):
        with pytest.raises(HostsError, match=r"refused network POST /networks \(403\): no"):
            world.deploy()
    assert not world.site.things["servers"]


def paths_of(world: World) -> list[str]:
    """Let a world note the queries of its calls."""
    paths: list[str] = []
    ask = world.site.ask

    def noting(service: str, method: str, path: str, body: Any = None, version: str = "") -> Answer:
        paths.append(f"{method} {path}")
        return ask(service, method, path, body, version)

    world.site.ask = noting  # type: ignore[method-assign]
    return paths


def test_servers_of_others_are_not_asked_for() -> None:
    world = World()
    paths = paths_of(world)
    world.deploy()
    lifecycle.stopped(world.cloud, world.request)
    asked = {path for path in paths if path.startswith("GET /servers/detail")}
    assert asked == {"GET /servers/detail?name=%5Et-"}


@pytest.mark.parametrize("name", ["mine", "u-front-0"])
def test_a_server_that_somebody_renamed_is_no_reason_for_a_twin(name: str) -> None:
    world = World()
    world.deploy()
    server = next(item for item in world.site.things["servers"].values() if item["name"] == "t-front-0")
    server["name"] = name
    assert [item["id"] for item in world.deploy().instances] == [0, 1, 2]
    assert lifecycle.stopped(world.cloud, world.request).stopped == [name, "t-wn-1", "t-wn-2"]
    assert world.deploy().started == [name, "t-wn-1", "t-wn-2"]
    world.deploy(groups=(WORKERS,))
    assert server["id"] not in world.site.things["servers"]
    world.destroy()
    assert not world.site.mine()


def test_a_server_that_was_renamed_and_lost_its_ports_is_destroyed() -> None:
    world = World()
    world.deploy()
    server = next(item for item in world.site.things["servers"].values() if item["name"] == "t-wn-2")
    server["name"] = "mine"
    refusal = Answer(403, {"forbidden": {"message": "no"}})
    world.site.hook = lambda call, body: refusal if call == "DELETE /servers/ID" else None
    with pytest.raises(HostsError, match=r"host mine \(OpenStack refused"):
        world.destroy()
    world.site.hook = lambda call, body: None
    world.destroy()
    assert not world.site.mine()


def test_names_that_begin_alike_are_no_reason_to_take_others() -> None:
    world = World()
    other = replace(world.request, infrastructure="t-wn")
    world.deploy()
    world.deploy(infrastructure=other.infrastructure)
    assert len(world.destroy().deleted) == 3
    assert len(world.site.things["servers"]) == 3


def test_sites_that_do_not_know_a_query_are_asked_for_all() -> None:
    site = FakeSite()
    site.add("volumes", id="v1", name="a", metadata={"im_infrastructure": "t"})
    site.add("volumes", id="v2", name="b", metadata={"im_infrastructure": "u"})
    assert [item["id"] for item in Cloud(site, 0).mine(VOLUMES, "t")] == ["v1"]
    answers = iter([Answer(400, {"badRequest": {"message": "Invalid filters metadata are found in query options."}})])
    site.hook = lambda call, body: next(answers, None)
    assert [item["id"] for item in Cloud(site, 0).mine(VOLUMES, "t")] == ["v1"]
    assert site.calls == ["GET /volumes/detail"] * 3
    assert Cloud(site, 0).mine(SERVERS, "t") == []

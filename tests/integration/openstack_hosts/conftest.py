"""The driver of OpenStack against the lab, without hosts: what it calls, what it makes, what it leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import Group, Network, Port, Volume
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import Outcome
from ansible_collections.continuum.im.plugins.module_utils._openstack import lifecycle
from ansible_collections.continuum.im.plugins.module_utils._openstack.absent import absent
from ansible_collections.continuum.im.plugins.module_utils._openstack.cloud import Cloud
from ansible_collections.continuum.im.plugins.module_utils._openstack.connect import connect
from ansible_collections.continuum.im.plugins.module_utils._openstack.present import present
from ansible_collections.continuum.im.plugins.module_utils._openstack.request import Request

from lab.openstack.client import Lab

GIB = 1024**3
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlVxGBGcnLMvmW4oUB4B3hPJrGkb1ps0bJ3D2aSlFbR tests"
NAME = "ost-tests"

FRONT = Group(
    "front",
    "front",
    1,
    hostname="server",
    public=True,
    networks=("private",),
    cpus=1,
    memory=GIB,
    ports=(Port("tcp", 22, 22, 22), Port("tcp", 80, 80, 8080, "10.1.0.0/16")),
    volumes=(Volume("data", GIB, mount="/mnt/data"),),
)
WORKERS = Group("wn", "wn", 2, networks=("private",), cpus=1, memory=GIB)


@dataclass
class World:
    """A lab and what a test asks of it."""

    lab: Lab
    cloud: Cloud
    request: Request
    before: dict[str, Any] = field(default_factory=dict)

    def deploy(self, **changes: Any) -> Outcome:
        """Converge to the request with some changes."""
        return present(self.cloud, replace(self.request, **changes))

    def workers(self, count: int, **changes: Any) -> Outcome:
        """Converge to a number of workers."""
        return self.deploy(groups=(FRONT, replace(WORKERS, count=count)), **changes)

    def destroy(self, **changes: Any) -> Outcome:
        """Remove everything."""
        return absent(self.cloud, replace(self.request, **changes))

    def stop(self, *hosts: str) -> Outcome:
        """Stop hosts."""
        return lifecycle.stopped(self.cloud, replace(self.request, hosts=hosts))

    def start(self, *hosts: str) -> Outcome:
        """Start hosts."""
        return lifecycle.started(self.cloud, replace(self.request, hosts=hosts))

    def calls_of(self, action: Callable[[], object]) -> list[str]:
        """The API calls that something makes, without logging in."""
        self.lab.forget_calls()
        action()
        return [call for call in self.lab.calls() if not call.startswith("identity:")]

    def servers(self) -> list[dict[str, Any]]:
        """The servers that are there."""
        return list(self.lab.describe()["servers"])

    def twins(self) -> list[str]:
        """Resources of ours that are there more than once: the same name of the same kind."""
        names = [
            f"{kind} {item['name']}"
            for kind, items in self.lab.describe().items()
            for item in items
            if str(item.get("name") or "").startswith((NAME, f"im-{NAME}"))
        ]
        return sorted(name for name, count in Counter(names).items() if count > 1)

    def left(self) -> dict[str, Any]:
        """What is there and was not before."""
        now = self.lab.describe()
        return {kind: now[kind] for kind in now if now[kind] != self.before.get(kind)}


def make_cloud(environment: Mapping[str, str], pause: float = 0.2) -> Cloud:
    """The driver's way to the lab, impatient."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OS_CLOUD", "OS_AUTH_URL"):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        cloud = connect({})
    cloud.sleep_factor = pause
    return cloud


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    missing = Lab.missing()
    if missing:
        pytest.skip(missing)
    with Lab.start(hosts=False, state=tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture
def world(lab: Lab) -> World:
    """An empty project in which things are quick."""
    lab.reset()
    request = Request(NAME, (Network("private"),), (FRONT, WORKERS), public_key=KEY, wait=False, timeout=90)
    return World(lab, make_cloud(lab.environment), request, lab.describe())

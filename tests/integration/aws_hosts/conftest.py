"""The driver of EC2 against the lab, without hosts: what it calls, what it makes, what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import botocore.config
import pytest
from ansible_collections.continuum.im.plugins.module_utils._aws import lifecycle
from ansible_collections.continuum.im.plugins.module_utils._aws.absent import absent
from ansible_collections.continuum.im.plugins.module_utils._aws.cloud import Cloud
from ansible_collections.continuum.im.plugins.module_utils._aws.present import present
from ansible_collections.continuum.im.plugins.module_utils._aws.request import Request
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import Group, Network, Port, Volume
from ansible_collections.continuum.im.plugins.module_utils._hosts.result import Outcome

from lab.aws.client import Lab

GIB = 1024**3
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlVxGBGcnLMvmW4oUB4B3hPJrGkb1ps0bJ3D2aSlFbR tests"
NAME = "tests"
CONFIG = botocore.config.Config(retries={"total_max_attempts": 1}, max_pool_connections=16)

FRONT = Group(
    "front",
    "front",
    1,
    hostname="server",
    public=True,
    networks=("private",),
    instance_type="t3.micro",
    ports=(Port("tcp", 22, 22, 22), Port("tcp", 80, 80, 8080, "10.1.0.0/16")),
    volumes=(Volume("data", 10 * GIB, mount="/mnt/data"),),
)
WORKERS = Group("wn", "wn", 2, networks=("private",), instance_type="t3.micro")


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

    def stop(self, *hosts: str, **changes: Any) -> Outcome:
        """Stop hosts."""
        return lifecycle.stopped(self.cloud, replace(self.request, hosts=hosts, **changes))

    def start(self, *hosts: str, **changes: Any) -> Outcome:
        """Start hosts."""
        return lifecycle.started(self.cloud, replace(self.request, hosts=hosts, **changes))

    def calls_of(self, action: Callable[[], object]) -> list[str]:
        """The API calls that something makes."""
        self.lab.forget_calls()
        action()
        return self.lab.calls()

    def instances(self) -> list[dict[str, Any]]:
        """The instances that are not terminated."""
        states = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
        found = self.lab.client("ec2").describe_instances(Filters=[states])
        return [item for reservation in found["Reservations"] for item in reservation["Instances"]]

    def twins(self) -> list[str]:
        """Resources that are there more than once: the same part, or the same number."""
        seen: list[str] = []
        for kind, items in self.lab.describe().items():
            for item in items:
                tags = {entry["Key"]: entry["Value"] for entry in item.get("Tags") or [] if isinstance(entry, dict)}
                if tags.get("im_part"):
                    seen.append(f"{kind} {tags['im_part']}")
        numbers = []
        for item in self.instances():
            tags = {entry["Key"]: entry["Value"] for entry in item["Tags"]}
            numbers.append(f"host {tags.get('im_instance')}")
        return sorted({word for word in [*seen, *numbers] if [*seen, *numbers].count(word) > 1})

    def left(self) -> dict[str, Any]:
        """What is there and was not before."""
        now = self.lab.describe()
        return {kind: now[kind] for kind in now if now[kind] != self.before.get(kind)}


def make_cloud(lab: Lab, pause: float = 0.05) -> Cloud:
    """The driver's way to the lab, impatient."""
    return Cloud(lambda service: lab.client(service, config=CONFIG), lab.environment["AWS_REGION"], pause)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(hosts=False, state=tmp_path_factory.mktemp("lab")) as found:
        yield found


@pytest.fixture
def world(lab: Lab) -> World:
    """An empty account in which things are quick."""
    lab.reset()
    lab.settings(pending_seconds=0.1)
    request = Request(NAME, (Network("private"),), (FRONT, WORKERS), public_key=KEY, wait=False, timeout=60)
    return World(lab, make_cloud(lab), request, lab.describe())

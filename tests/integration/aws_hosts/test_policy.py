"""The least that an account must allow, as the documentation says it, is what is called."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from .conftest import FRONT, GIB, WORKERS, World

pytestmark = pytest.mark.integration
PAGE = Path(__file__).parents[3] / "docs" / "clouds" / "aws.md"


def allowed() -> set[str]:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    policy: dict[str, Any] = json.loads(found[1])
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def test_nothing_is_called_that_the_policy_does_not_allow(world: World) -> None:
    world.lab.client("route53").create_hosted_zone(Name="example.org.", CallerReference="x")
    named = replace(FRONT, dns_names=("server.example.org",), instance_type="", memory=GIB)
    world.lab.forget_calls()
    world.deploy(groups=(named, WORKERS))
    world.deploy(groups=(replace(named, memory=4 * GIB, ports=FRONT.ports[:1]), replace(WORKERS, count=1)))
    world.stop()
    world.start()
    world.destroy()
    called = set(world.lab.calls())
    assert called <= allowed()
    # Some are needed only when things are half done, or for what a template names of the account.
    rare = {"ec2:DescribeAvailabilityZones", "ec2:AttachVolume", "ec2:RebootInstances", "ec2:ReplaceRoute"}
    rare |= {"ec2:DeleteNetworkInterface", "ec2:DeleteVolume"}
    assert allowed() - called <= rare

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the lab that are plain data in, plain data out."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from lab.aws import userdata
from lab.aws.calls import rest_action
from lab.aws.rules import ruleset
from lab.aws.wanted import Group, Port, Rule

pytestmark = pytest.mark.integration
EVERYWHERE = ("0.0.0.0/0",)


def _rule(
    protocol: str, first: int = -1, last: int = -1, networks: tuple[str, ...] = EVERYWHERE, group: str = ""
) -> Rule:
    return Rule(protocol, first, last, networks if not group else (), (group,) if group else ())


def _port(number: int, *groups: str, outside: str = "", is_open: bool = False) -> Port:
    return Port(f"eni-{number}", 0, f"10.0.0.{number}", "10.0.0.0/24", "02:00:00:00:00:01", groups, outside, is_open)


GROUPS = {
    "sg-a": Group("sg-a", (_rule("tcp", 22, 22), _rule("icmp"), _rule("1", 8, 0)), (_rule("-1"),)),
    "sg-b": Group("sg-b", (_rule("-1", group="sg-a"), _rule("udp", 1, 9, ("10.0.0.0/8",)), _rule("50")), ()),
    "sg-c": Group("sg-c", (_rule("tcp", 0, 65535, group="sg-nobody"),), (_rule("6", 443, 443),)),
}


@pytest.mark.parametrize(
    "ports",
    [
        [],
        [_port(4, "sg-a", outside="198.18.1.1", is_open=True)],
        [_port(4, "sg-a", "sg-b"), _port(5, "sg-c", outside="198.18.1.2"), _port(6, "sg-c", outside="198.18.1.2")],
    ],
)
def test_the_rules_of_a_vpc_are_rules_that_nft_reads(ports: list[Port]) -> None:
    text = ruleset(ports, GROUPS)
    done = subprocess.run(["nft", "-c", "-f", "-"], input=text, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr + text


def test_a_host_lets_in_what_its_groups_let_in() -> None:
    text = ruleset([_port(4, "sg-a"), _port(5, "sg-b")], GROUPS)
    chain = text[text.index("chain in_10_0_0_5") :].split("}\nchain")[0]
    assert "ip saddr { 10.0.0.4 } return" in chain
    assert "ip saddr 10.0.0.0/8 udp dport 1-9 return" in chain
    assert chain.splitlines()[-1] == "drop"


def _done(text: str, folder: Path) -> str:
    script = userdata.script(base64.b64encode(text.encode()).decode(), "admin")
    place = folder / "script"
    place.write_text(script)
    place.chmod(0o700)
    return subprocess.run([str(place)], text=True, capture_output=True, check=True).stdout


def test_user_data_does_what_cloud_init_would_do(tmp_path: Path) -> None:
    assert _done("#!/bin/sh\necho script\n", tmp_path) == "script\n"
    target = tmp_path / "some folder" / "it's"
    config = f"#cloud-config\nwrite_files:\n- path: \"{target}\"\n  content: 'a $b'\n  permissions: '0600'\n"
    assert _done(f"{config}runcmd:\n- [echo, 'x  y']\n- echo one && echo two\n", tmp_path) == "x  y\none\ntwo\n"
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("a $b", 0o600)


def test_user_data_that_is_none_does_nothing() -> None:
    assert [userdata.script(text, "admin") for text in ("", "%%%", base64.b64encode(b"hello").decode())] == ["", "", ""]


@pytest.mark.parametrize(
    ("service", "method", "path", "query", "action"),
    [
        ("s3", "GET", "/", "", "ListBuckets"),
        ("s3", "GET", "/bucket", "list-type=2&prefix=x", "ListObjectsV2"),
        ("s3", "GET", "/bucket", "", "ListObjects"),
        ("s3", "GET", "/bucket/a/b", "", "GetObject"),
        ("s3", "DELETE", "/bucket/a", "", "DeleteObject"),
        ("s3", "PUT", "/bucket", "notification", "PutBucketNotificationConfiguration"),
        ("lambda", "POST", "/2015-03-31/functions", "", "CreateFunction"),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", "Invoke"),
        ("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset/", "", "ChangeResourceRecordSets"),
        ("ssm", "GET", "/", "", ""),
    ],
)
def test_calls_of_services_that_have_paths_are_recognised(
    service: str, method: str, path: str, query: str, action: str
) -> None:
    assert rest_action(service, {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query}) == action

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab of OpenStack makes of calls, faults and the rows of neutron."""

from __future__ import annotations

import base64
import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest

from lab.aws.rules import ruleset
from lab.openstack import wanted
from lab.openstack.calls import name_of
from lab.openstack.faults import Fault, Faults
from lab.openstack.inside.refusals import refusal
from lab.openstack.issuer import Issuer

pytestmark = pytest.mark.unit
ID = "0a1b2c3d-0000-4000-8000-00000000000a"
DIRECT = ipaddress.IPv4Network("198.18.8.0/22")


@pytest.mark.parametrize(
    ("service", "method", "path", "name"),
    [
        ("compute", "POST", "/v2.1/servers", "compute:POST /servers"),
        ("compute", "POST", f"/v2.1/servers/{ID}/action", "compute:POST /servers/ID/action"),
        ("compute", "GET", "/v2.1/servers/detail", "compute:GET /servers/detail"),
        ("compute", "DELETE", "/v2.1/os-keypairs/my%20key", "compute:DELETE /os-keypairs/ID"),
        ("compute", "GET", "/", "compute:GET /"),
        ("network", "PUT", f"/v2.0/ports/{ID}/tags/a=b", "network:PUT /ports/ID/tags/ID"),
        ("network", "GET", "/v2.0/networks", "network:GET /networks"),
        ("volume", "POST", f"/v3/{'0' * 32}/volumes/{ID}/action", "volume:POST /volumes/ID/action"),
        ("volume", "GET", "/v3/", "volume:GET /"),
        ("identity", "POST", "/v3/auth/tokens", "identity:POST /auth/tokens"),
        (
            "identity",
            "GET",
            "/v3/OS-FEDERATION/identity_providers/egi.eu/protocols/openid/auth",
            "identity:GET /OS-FEDERATION/identity_providers/ID/protocols/ID/auth",
        ),
    ],
)
def test_calls_have_names_without_versions_projects_and_ids(service: str, method: str, path: str, name: str) -> None:
    assert name_of(service, method, path) == name


def test_faults_strike_from_the_nth_call_on_and_so_often(tmp_path: Path) -> None:
    faults, others = Faults(tmp_path), Faults(tmp_path)
    faults.add(Fault("error503", "network:POST /ports", nth=2, count=2))
    calls = ["network:POST /ports", "network:GET /ports", *["network:POST /ports"] * 3]
    assert [others.strike(call) for call in calls] == ["", "", "error503", "error503", ""]
    assert faults.struck() == 2
    faults.clear()
    assert (faults.struck(), others.strike(calls[0])) == (0, "")


def test_faults_of_building_strike_no_call_and_those_of_quotas_only_what_has_one(tmp_path: Path) -> None:
    faults = Faults(tmp_path)
    faults.add(Fault("no_valid_host"))
    faults.add(Fault("quota"))
    assert faults.strike("compute:GET /servers") == ""
    assert faults.strike("build:slow") == ""
    assert faults.strike("build:no_valid_host") == "no_valid_host"
    assert faults.strike("volume:POST /volumes") == "quota"
    with pytest.raises(ValueError, match="nonsense"):
        faults.add(Fault("nonsense"))


@pytest.mark.parametrize(
    ("kind", "service", "call", "code", "part"),
    [
        ("quota", "network", "network:POST /security-group-rules", "409", "['security_group_rule']"),
        ("quota", "volume", "volume:POST /volumes", "413", "VolumeLimitExceeded"),
        ("quota", "compute", "compute:POST /servers", "403", "Quota exceeded for cores"),
        ("throttle", "compute", "compute:GET /servers", "429", "rate-limited"),
        ("unauthorized", "network", "network:GET /ports", "401", "requires authentication"),
        ("conflict", "network", "network:POST /ports", "409", "IpAddressInUse"),
    ],
)
def test_refusals_are_those_of_the_service(kind: str, service: str, call: str, code: str, part: str) -> None:
    status, headers, body = refusal(kind, service, call)
    assert status.startswith(code)
    assert part in body.decode()
    assert ("Retry-After", "1") in headers or kind != "throttle"


def test_networks_that_routers_connect_belong_together() -> None:
    links = [("r1", "b"), ("r1", "c"), ("r2", "e"), ("r3", "c"), ("r3", "a")]
    assert wanted.connected(links) == {"a": "a", "b": "a", "c": "a", "e": "e"}


def rows(**more: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    def port(name: str, address: str, network: str, secure: int = 1) -> dict[str, Any]:
        place = {"network": network, "cidr": "10.0.0.0/24", "gateway": "10.0.0.1"}
        return {"id": name, "mac": "fa:16:3e:00:00:01", "address": address, "secure": secure, **place}

    ports = [
        port("inner", "10.0.0.5", "net"),
        port("free", "10.0.0.6", "net", 0),
        port("apart", "10.0.0.5", "other"),
        port("direct", "198.18.8.9", "provider"),
    ]
    member = {"port": "inner", "group": "ssh"}
    return {
        "port": ports,
        "member": [member],
        "group": [{"id": "ssh"}],
        "link": [{"router": "r", "network": "net"}],
        "way": [{"router": "r", "address": "198.18.4.2"}],
        "floating": [{"port": "inner", "address": "198.18.4.7"}],
        **more,
    }


def test_ports_have_the_outside_that_router_floating_address_and_network_give_them() -> None:
    ports = wanted.interpret(rows(), DIRECT).ports
    assert (ports["inner"].outside, ports["inner"].open, ports["inner"].groups) == ("198.18.4.7", True, ("ssh",))
    assert (ports["free"].outside, ports["free"].open) == ("198.18.4.2", False)
    assert ports["free"].groups == (wanted.EVERYTHING,)
    assert (ports["apart"].outside, ports["apart"].space) == ("", "other")
    assert (ports["direct"].outside, ports["direct"].direct, ports["direct"].open) == ("198.18.8.9", True, False)


def test_rules_of_groups_become_rules_of_the_machine() -> None:
    rule = {"group": "ssh", "direction": "ingress", "protocol": "tcp", "network": None, "remote": None}
    all_ports = {**rule, "first": None, "last": None, "network": "10.1.0.0/16"}
    networking = wanted.interpret(rows(rule=[{**rule, "first": 22, "last": 22}, all_ports]), DIRECT)
    text = ruleset([networking.ports["inner"], networking.ports["direct"]], networking.groups)
    chain = text.partition("chain in_10_0_0_5 {")[2].partition("}")[0].split("\n")
    assert chain[1:4] == ["tcp dport 22 return", "ip saddr 10.1.0.0/16 tcp dport 0-65535 return", "drop"]
    assert 'iifname "wan" ip daddr { 198.18.8.9 } accept' in text
    assert "198.18.4.7 : 10.0.0.5" in text
    assert "198.18.8.9 : 198.18.8.9" not in text.partition("prerouting")[2]


def test_tokens_tell_the_vo_and_when_they_end() -> None:
    def claims(token: str) -> dict[str, Any]:
        part = token.split(".")[1]
        return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))

    issuer = Issuer()
    good, other, old = issuer.token(), issuer.token(vo=False), issuer.token(expired=True, email="a@b.example")
    assert any("vo.example.eu" in item for item in claims(good)["eduperson_entitlement"])
    assert not any("vo.example.eu" in item for item in claims(other)["eduperson_entitlement"])
    assert claims(old)["exp"] < claims(good)["iat"]
    assert claims(old)["email"] == "a@b.example"
    assert issuer.jwks["keys"][0]["kty"] == "RSA"

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services without hosts: what is told of them, faults that strike, and who is let in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from lab.aws.trial import wait_for
from lab.openstack.client import Lab, LabError

pytestmark = [
    pytest.mark.integration,
    pytest.mark.filterwarnings("ignore"),  # of openstacksdk about itself
    pytest.mark.skipif(bool(Lab.missing()), reason=Lab.missing()),
]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab.start(hosts=False, state=tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def lab(started: Lab) -> Iterator[Lab]:
    started.forget_calls()
    yield started
    started.reset()


@pytest.fixture
def cloud(lab: Lab) -> Any:
    found = lab.connection()
    found.authorize()
    return found


def server(cloud: Any, **more: Any) -> Any:
    """Ask for a server as a bare call, so that no client tries again."""
    provider = cloud.network.find_network("provider").id
    wanted = {
        "name": "one",
        "imageRef": cloud.image.find_image("debian-12").id,
        "flavorRef": cloud.compute.find_flavor("m1.tiny").id,
        "networks": [{"uuid": provider}],
        **more,
    }
    return cloud.compute.post("/servers", json={"server": wanted}, raise_exc=False)


def status(cloud: Any, answer: Any) -> str:
    """Return the status of a server that was asked for."""
    found = cloud.compute.get(f"/servers/{answer.json()['server']['id']}").json()["server"]
    return str(found["status"])


def test_what_a_project_has_is_told_and_can_be_emptied(lab: Lab, cloud: Any) -> None:
    before = lab.describe()
    network = cloud.network.create_network(name="inner")
    cloud.network.set_tags(network, ["im_infrastructure=x"])
    subnet = cloud.network.create_subnet(network_id=network.id, cidr="10.1.0.0/24", ip_version=4)
    gateway = {"network_id": cloud.network.find_network("public").id}
    router = cloud.network.create_router(external_gateway_info=gateway)
    cloud.network.add_interface_to_router(router, subnet_id=subnet.id)
    group = cloud.network.create_security_group(name="mine")
    port = cloud.network.create_port(network_id=network.id, security_groups=[group.id])
    address = cloud.network.create_ip(floating_network_id=gateway["network_id"])
    cloud.compute.create_keypair(name="key")
    cloud.compute.create_server_group(name="apart", policy="anti-affinity")
    cloud.identity.create_application_credential(cloud.current_user_id, "mine")
    made = server(cloud, networks=[{"port": port.id}], metadata={"im_node": "front"})
    volume = cloud.block_storage.create_volume(size=1, name="data", metadata={"im_infrastructure": "x"}).id
    wait_for(lambda: status(cloud, made) == "ACTIVE", "the server")
    wait_for(lambda: cloud.block_storage.get_volume(volume).status == "available", "the volume")
    cloud.network.update_ip(address, port_id=port.id)
    cloud.compute.create_volume_attachment(made.json()["server"]["id"], volume_id=volume)
    there = lab.describe()
    more = {kind: len(items) - len(before[kind]) for kind, items in there.items()}
    assert more == {
        "servers": 1,
        "networks": 1,
        "subnets": 1,
        "routers": 1,
        "ports": 2,
        "security_groups": 1,
        "security_group_rules": 2,
        "floating_ips": 1,
        "keypairs": 1,
        "server_groups": 1,
        "volumes": 1,
        "snapshots": 0,
        "images": 0,
        "application_credentials": 1,
    }
    assert there["servers"][0]["metadata"] == {"im_node": "front"}
    assert there["volumes"][0]["metadata"]["im_infrastructure"] == "x"
    assert there["networks"][0]["tags"] == ["im_infrastructure=x"]

    def kinds() -> set[str]:
        addresses = cloud.compute.get_server(made.json()["server"]["id"]).addresses["inner"]
        return {str(item["OS-EXT-IPS:type"]) for item in addresses}

    # Neutron tells nova after it answered.
    wait_for(lambda: kinds() == {"fixed", "floating"}, "the floating address")
    lab.reset()
    assert lab.describe() == before


def test_calls_of_users_are_told_and_those_between_services_are_not(lab: Lab, cloud: Any) -> None:
    network = cloud.network.create_network(name="inner")
    lab.forget_calls()
    cloud.network.get_network(network.id)
    cloud.network.delete_network(network)
    cloud.compute.post("/os-keypairs", json={"keypair": {"name": "mine"}})
    cloud.compute.delete("/os-keypairs/mine")
    cloud.block_storage.get("/volumes/detail")
    assert lab.calls() == [
        "network:GET /networks/ID",
        "network:DELETE /networks/ID",
        "compute:POST /os-keypairs",
        "compute:DELETE /os-keypairs/ID",
        "volume:GET /volumes/detail",
    ]


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("throttle", 429, "rate-limited"),
        ("error500", 500, "Unexpected API Error"),
        ("error503", 503, "unavailable"),
        ("denied", 403, "Policy doesn't allow"),
        ("unauthorized", 401, "requires authentication"),
        ("conflict", 409, "in use"),
        ("quota", 403, "Quota exceeded"),
    ],
)
def test_a_fault_answers_as_the_service_would_and_makes_nothing(
    lab: Lab, cloud: Any, kind: str, code: int, text: str
) -> None:
    lab.add_fault(kind, "compute:POST /servers", count=-1 if kind == "unauthorized" else 1)
    answer = server(cloud)
    assert (answer.status_code, lab.describe()["servers"]) == (code, [])
    assert text in answer.text
    assert lab.struck() >= 1
    lab.clear_faults()
    assert server(cloud).status_code == 202


def test_what_is_lost_is_either_done_or_not(lab: Lab, cloud: Any) -> None:
    url = cloud.network.get_endpoint().rstrip("/").removesuffix("/v2.0")
    headers = {"X-Auth-Token": cloud.auth_token}
    import requests

    for kind, names in (("lost_request", []), ("lost_answer", ["inner"])):
        lab.add_fault(kind, "network:POST /networks")
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.post(f"{url}/v2.0/networks", json={"network": {"name": "inner"}}, headers=headers, timeout=60)
        assert [item["name"] for item in lab.describe()["networks"]] == names
    lab.add_fault("lost_answer", "volume:POST /volumes")
    volumes = f"{cloud.block_storage.get_endpoint().rstrip('/')}/volumes"
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.post(volumes, json={"volume": {"name": "data", "size": 1}}, headers=headers, timeout=60)
    wait_for(lambda: [item["name"] for item in lab.describe()["volumes"]] == ["data"], "the volume")
    assert lab.struck() == 3


def test_faults_count_as_told_and_unknown_ones_are_refused(lab: Lab, cloud: Any) -> None:
    lab.add_fault("error503", "network:GET /networks", nth=2, count=1)
    codes = [cloud.network.get("/networks", raise_exc=False, connect_retries=0).status_code for _turn in range(3)]
    assert codes.count(200) >= 2
    assert lab.struck() == 1
    with pytest.raises(LabError):
        lab.add_fault("nonsense")


def test_servers_find_no_host_or_take_their_time(lab: Lab, cloud: Any) -> None:
    lab.add_fault("no_valid_host")
    answer = server(cloud)
    wait_for(lambda: status(cloud, answer) == "ERROR", "the server without a host")
    found = cloud.compute.get_server(answer.json()["server"]["id"])
    assert "No valid host was found" in found.fault["message"]
    lab.add_fault("slow")
    lab.settings(slow_seconds=3600)
    slow = server(cloud)
    wait_for(lambda: lab.struck() == 2, "the slow server")
    time.sleep(1)
    assert status(cloud, slow) == "BUILD"
    cloud.compute.delete_server(slow.json()["server"]["id"])
    wait_for(lambda: len(lab.describe()["servers"]) == 1, "the end of the slow server")


def test_a_real_quota_refuses_and_reset_forgets_it(lab: Lab, cloud: Any) -> None:
    admin = lab.connection("lab-admin")
    admin.set_compute_quotas("demo", cores=1)
    flavor = cloud.compute.find_flavor("m1.medium").id
    refused = server(cloud, flavorRef=flavor)
    assert refused.status_code == 403
    assert "Quota exceeded for cores: Requested 2, but already used 0 of 1 cores" in refused.text
    lab.reset()
    assert cloud.compute.get("/limits").json()["limits"]["absolute"]["maxTotalCores"] == 600


def test_a_member_of_the_vo_is_let_in_and_others_are_not(lab: Lab) -> None:
    member = lab.connection("lab-egi")
    member.compute.create_keypair(name="hers")
    assert [item["name"] for item in lab.describe()["keypairs"]] == ["hers"]
    assert member.current_project_id == lab.connection().current_project_id
    url = member.config.auth["auth_url"]
    login = f"{url}/OS-FEDERATION/identity_providers/egi.eu/protocols/openid/auth"
    import requests

    codes = {
        name: requests.post(login, headers={"Authorization": f"Bearer {token}"}, timeout=60).status_code
        for name, token in {
            "good": lab.token(),
            "without the VO": lab.token(vo=False),
            "expired": lab.token(expired=True),
            "of another issuer": lab.token(iss="https://elsewhere.example"),
            "changed": f"{lab.token()[:-8]}AAAAAAAA",
            "none": "",
        }.items()
    }
    assert codes.pop("good") == 201
    assert set(codes.values()) == {401}
    lied = {"OIDC-sub": "me", "OIDC-iss": "https://aai.lab.example/auth/realms/egi"}
    assert requests.post(login, headers=lied, timeout=60).status_code == 401

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoints of the Infrastructure Manager's API for infrastructures and hosts, on the simulated cloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from radl.radl_parse import parse_radl

from .documents import RADL, RECIPE, TOSCA, YAML, numbers

pytestmark = pytest.mark.integration


def test_a_life(site: Any) -> None:
    answer = site.call("POST", "/infrastructures", data=RADL)
    key = answer.headers["InfID"]
    assert answer.content_type == "text/uri-list; charset=utf-8"
    assert answer.text == f"http://localhost/infrastructures/{key}"
    assert site.settle(key) == {"state": "configured", "vm_states": {"0": "configured", "1": "configured"}}
    base = f"/infrastructures/{key}"
    assert numbers(site.call("POST", base, data="network priv\nsystem wn\ndeploy wn 2\n")) == [2, 3]
    site.settle(key)
    found = parse_radl(site.call("GET", base + "/radl").text)
    assert [(item.id, item.vm_number) for item in found.deploys] == [("wn", 2)]
    assert site.call("DELETE", base + "/vms/1,3").status_code == 200
    assert site.vms(key) == [0, 2]
    assert site.call("GET", base + "/vms/1").text == "Error Getting VM. info: Deleted VM."
    assert numbers(site.call("POST", base, data="system front\ndeploy front 1\n")) == [4]
    site.settle(key)
    assert site.call("PUT", base + "/vms/0/stop").status_code == 200
    assert site.state(key)["vm_states"]["0"] == "stopped"
    assert site.state(key)["state"] == "stopped"
    assert site.call("PUT", base + "/vms/0/start").status_code == 200
    assert site.call("PUT", base + "/stop").text == ""
    assert set(site.state(key)["vm_states"].values()) == {"stopped"}
    assert site.call("PUT", base + "/start").status_code == 200
    assert site.call("PUT", base + "/vms/2/reboot").status_code == 200
    answer = site.call("PUT", base + "/reconfigure?vm_list=0,2", data=RECIPE)
    assert (answer.status_code, answer.text, answer.headers["InfID"]) == (200, "", key)
    assert site.settle(key)["state"] == "configured"
    assert "Launch task" in site.call("GET", base + "/contmsg").text
    answer = site.call("PUT", base + "/vms/0/disks/0/snapshot?image_name=mine&auto_delete=1")
    assert answer.text == "mock0://linux.for.ev.er/mine"
    assert site.call("DELETE", base).text == ""
    assert site.call("GET", base).status_code == 404
    rows = site.call("GET", "/stats").get_json()["stats"]
    row = next(row for row in rows if row["inf_id"] == key)
    assert (row["deleted"], row["vm_count"], row["cloud_type"]) == (True, 5, "Dummy")
    assert row["cpu_count"] >= 5


def test_hosts_follow_a_template(site: Any) -> None:
    key = site.create(TOSCA % (2, ""), "text/yaml")
    base = f"/infrastructures/{key}"
    assert site.call("GET", base + "/outputs").get_json() == {"outputs": {"addresses": ["10.0.0.1", "10.0.0.1"]}}
    assert numbers(site.call("POST", base, data=TOSCA % (3, ""), headers=YAML)) == [2]
    site.settle(key)
    assert numbers(site.call("POST", base, data=TOSCA % (2, ', removal_list: ["1"]'), headers=YAML)) == []
    assert site.vms(key) == [0, 2]
    site.settle(key)
    # The list was used; the oldest goes now.
    assert numbers(site.call("POST", base, data=TOSCA % (1, ""), headers=YAML)) == []
    assert site.vms(key) == [2]
    site.settle(key)
    wrong = site.call("POST", base, data=TOSCA % (0, ', removal_list: ["77"]'), headers=YAML)
    assert (wrong.status_code, wrong.text.partition(":")[0]) == (404, "Error Adding resources")
    shown = yaml.safe_load(site.call("GET", base + "/tosca").text)
    assert shown["topology_template"]["node_templates"]["server"]["capabilities"]["scalable"]["properties"] == {
        "count": 1
    }
    assert shown["metadata"]["infra_name"] == "Two hosts"
    # What the dashboard does: it reads the RADL, edits `deploy`, and sends it back.
    text = site.call("GET", base + "/radl").text
    assert numbers(site.call("POST", base, data=text.split("deploy")[0] + "\ndeploy server 2\n")) == [3, 4]
    site.settle(key)
    # A change without hosts: a part of the template is enough.
    part = "topology_template: {outputs: {two: {value: 2}}}\n"
    assert numbers(site.call("POST", base, data=TOSCA % (3, ""), headers=YAML)) == []
    assert numbers(site.call("POST", base, data=part, headers=YAML)) == []
    site.settle(key)
    assert site.call("GET", base + "/outputs").get_json()["outputs"]["two"] == 2


def test_a_new_system_for_a_template(site: Any) -> None:
    key = site.create(TOSCA % (1, ""), "text/yaml")
    extra = "network more ()\nsystem other (net_interface.0.connection='more')\ndeploy other 1\n"
    assert numbers(site.call("POST", f"/infrastructures/{key}", data=extra)) == [1]
    site.settle(key)
    assert [item.name for item in parse_radl(site.call("GET", f"/infrastructures/{key}/vms/1").text).systems] == [
        "other"
    ]
    # The hosts of that system are not the template's business.
    assert numbers(site.call("POST", f"/infrastructures/{key}", data=TOSCA % (2, ""), headers=YAML)) == [2]
    site.settle(key)
    assert site.vms(key) == [0, 1, 2]


def test_a_template_for_radl(site: Any) -> None:
    key = site.create(RADL)
    base = f"/infrastructures/{key}"
    refused = site.call("GET", base + "/tosca")
    assert refused.status_code == 403
    assert refused.text == "'tosca' infrastructure property is not valid in this infrastructure"
    assert numbers(site.call("POST", base, data=TOSCA % (1, ""), headers=YAML)) == [2]
    site.settle(key)
    assert site.vms(key) == [0, 1, 2]
    assert "server" in site.call("GET", base + "/tosca").text
    assert "front" in site.call("GET", base + "/vms/0").text


def test_renaming(site: Any) -> None:
    key = site.create(RADL)
    answer = site.call(
        "POST", f"/infrastructures/{key}?context=0", data="description d ( name = 'Other name' )\nnetwork priv\n"
    )
    assert (answer.status_code, answer.text) == (200, "")
    assert "InfID" not in answer.headers
    text = site.call("GET", f"/infrastructures/{key}/radl").text
    assert parse_radl(text).description.getValue("name") == "Other name"


def test_filter(site: Any) -> None:
    first = site.create(RADL.replace("My infra", "alpha 1"), user="filterer")
    second = site.create(TOSCA % (1, ""), "text/yaml", user="filterer")

    def listed(pattern: str) -> list[str]:
        answer = site.call("GET", "/infrastructures", "filterer", query_string={"filter": pattern})
        return [line.rsplit("/", 1)[1] for line in answer.text.splitlines()]

    assert listed("alpha .$") == [first]
    assert listed("^Two") == [second]
    assert set(listed("")) == {first, second}
    assert set(listed("(alpha [0-9]|^Tw.+)")) == {first, second}
    assert site.call("GET", "/infrastructures?filter=[", "filterer").status_code == 400


def test_nothing_is_made_for_an_answer_that_nobody_wants(site: Any) -> None:
    answer = site.call("POST", "/infrastructures", "picky", data=RADL, headers={"Accept": "text/html"})
    assert answer.status_code == 415
    assert "Unsupported Accept Media Types: text/html" in answer.text
    assert site.call("GET", "/infrastructures", "picky").text == ""


@pytest.mark.parametrize(
    ("accept", "media", "status"),
    [
        ("", "text/uri-list", 200),
        ("*/*", "text/uri-list", 200),
        ("text/*", "text/uri-list", 200),
        ("application/*", "application/json", 200),
        ("text/html, application/json;q=0.1", "application/json", 200),
        ("image/png", "text/plain", 415),
        ("text/html", "text/html", 415),
    ],
)
def test_negotiation(site: Any, accept: str, media: str, status: int) -> None:
    answer = site.call("GET", "/infrastructures", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.content_type.partition(";")[0]) == (status, media)


@pytest.mark.parametrize("prop", ["state", "outputs", "data"])
def test_json_only(site: Any, prop: str) -> None:
    key = site.create(TOSCA % (1, ""), "text/yaml")
    answer = site.call("GET", f"/infrastructures/{key}/{prop}", headers={"Accept": "text/plain"})
    assert (answer.status_code, answer.text) == (415, "Unsupported Accept Media Types: ['text/plain']")


@pytest.mark.parametrize(
    ("method", "path", "kind", "place"),
    [
        ("POST", "/infrastructures?async=maybe", "bool_parsing", ["query", "async"]),
        ("GET", "/infrastructures/KEY/nosuch", "literal_error", ["path", "prop"]),
        ("PUT", "/infrastructures/KEY/fly", "literal_error", ["path", "op"]),
        ("PUT", "/infrastructures/KEY/vms/0/fly", "literal_error", ["path", "op"]),
        ("PUT", "/infrastructures/KEY/vms/0/disks/0/snapshot", "missing", ["query", "image_name"]),
        ("PUT", "/infrastructures/KEY/vms/0/disks/x/snapshot?image_name=a", "int_parsing", ["path", "disk_num"]),
        ("GET", "/clouds/dummy/nothing", "literal_error", ["path", "param"]),
    ],
)
def test_invalid_words(site: Any, method: str, path: str, kind: str, place: list[str]) -> None:
    key = site.create(RADL)
    answer = site.call(method, path.replace("KEY", key))
    assert answer.status_code == 422
    assert [(item["type"], item["loc"]) for item in answer.get_json()["detail"]] == [(kind, place)]


def test_the_first_page_describes_the_interface(site: Any) -> None:
    answer = site.app.test_client().get("/")
    assert answer.content_type == "text/html; charset=utf-8"
    assert "/infrastructures" in answer.text


def test_framework_errors(site: Any) -> None:
    assert site.call("GET", "/nothing").get_json() == {"detail": "Not Found"}
    answer = site.call("PATCH", "/infrastructures")
    assert (answer.status_code, answer.get_json()) == (405, {"detail": "Method Not Allowed"})
    assert site.call("OPTIONS", "/infrastructures").status_code == 405


@pytest.mark.parametrize(
    ("kind", "body", "status", "reason"),
    [
        ("text/plain", "system front (\n  this is", 400, "Error parsing request body: Line 2: Parse error at 'is'."),
        ("application/json", "{", 400, "Error parsing request body: "),
        ("text/yaml", "a: [", 400, "Error parsing request body: Error parsing TOSCA template: "),
        ("application/xml", "<x/>", 415, "Unsupported Media Type ['application/xml']"),
        ("application/x-www-form-urlencoded", "a=b", 415, "Unsupported Media Type"),
        ("text/plain", "/etc/passwd", 400, "Error parsing request body: "),
    ],
)
def test_bad_bodies(site: Any, kind: str, body: str, status: int, reason: str) -> None:
    answer = site.call("POST", "/infrastructures", data=body, headers={"Content-Type": kind})
    assert answer.status_code == status
    assert answer.text.startswith(reason)
    assert "Traceback" not in answer.text
    assert "/work" not in answer.text


@pytest.mark.parametrize(
    "text",
    [
        "imports: [{template_file: /etc/passwd}]\n",
        "imports: [{template_file: ../../secret}]\n",
        "metadata: {link: {parent: /etc/hostname, childs: []}}\n",
        "imports: [{local: /etc/passwd}]\n",
        "imports: [{remote: 'http://127.0.0.1:1/types.yaml'}]\n",
    ],
)
def test_a_template_cannot_look_around(site: Any, text: str) -> None:
    body = f"tosca_definitions_version: tosca_simple_yaml_1_0\n{text}topology_template: {{node_templates: {{}}}}\n"
    answer = site.call("POST", "/infrastructures", data=body, headers=YAML)
    assert answer.status_code == 400
    assert "root:" not in answer.text
    assert "No such file" not in answer.text


def test_a_template_may_stand_on_the_catalogue(site: Any) -> None:
    body = "tosca_definitions_version: tosca_simple_yaml_1_0\nimports: [{template_file: vm}]\ntopology_template: {}\n"
    answer = site.call("POST", "/infrastructures?dry_run=1", data=body, headers=YAML)
    assert answer.status_code == 200, answer.text
    assert len(answer.get_json()["dummy"]["compute"]) == 1


def test_estimate(site: Any) -> None:
    found = site.call("POST", "/infrastructures?dry_run=1", "estimator", data=RADL).get_json()
    assert found == {
        "dummy": {
            "cloudType": "Dummy",
            "cloudEndpoint": "http://:80",
            "compute": [
                {"cpuCores": 1, "memoryInMegabytes": 512, "publicIP": 1},
                {"cpuCores": 2, "memoryInMegabytes": 1000},
            ],
            "storage": [],
        }
    }
    assert site.call("POST", "/infrastructures?dry_run=1", "estimator", data="").get_json() == {}
    assert site.call("GET", "/infrastructures", "estimator").text == ""


def test_no_cloud(make_site: Callable[..., Any]) -> None:
    site = make_site()
    own = json.dumps([{"type": "InfrastructureManager", "username": "user", "password": "pass"}])
    client = site.app.test_client()
    answer = client.post("/infrastructures", data=RADL, headers={"Authorization": own})
    assert (answer.status_code, answer.text) == (400, "Error Creating Inf.: No cloud provider available")
    answer = client.post("/infrastructures?async=1", data=RADL, headers={"Authorization": own})
    assert answer.status_code == 200
    key = answer.headers["InfID"]
    assert site.state(key) == {"state": "failed", "vm_states": {}}
    assert site.call("GET", f"/infrastructures/{key}/contmsg").text.endswith(": No cloud provider available\n")


def test_owners(site: Any) -> None:
    key = site.create(RADL)
    path = f"/infrastructures/{key}/authorization"
    assert site.call("GET", f"/infrastructures/{key}", "second").status_code == 403
    new = json.dumps({"username": "second", "password": "pass"})
    assert site.call("POST", path, data=new).text == ""
    assert site.call("POST", path, data=new).status_code == 200
    assert site.call("GET", path).text == "user\nsecond"
    assert site.call("GET", path, "second", headers={"Accept": "application/json"}).get_json() == {
        "authorization": ["user", "second"]
    }
    assert site.call("POST", path + "?overwrite=1", "second", data=new).status_code == 200
    assert site.call("GET", path).status_code == 403
    for body, kind, status in (("x", "", 400), ("{}", "", 400), ("[]", "", 400), (new, "text/plain", 415)):
        answer = site.call("POST", path, "second", data=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == status, answer.text
    assert site.call("GET", path, "second").text == "second"


def test_export_and_import(site: Any) -> None:
    key = site.create(RADL)
    base = f"/infrastructures/{key}"
    text = site.call("GET", base + "/data").get_json()["data"]
    assert "verysecret" not in text
    assert "im:" not in text
    twice = site.call("PUT", "/infrastructures", data=text)
    assert (twice.status_code, twice.text) == (
        400, "Error Importing Inf.: Trying to add an existing infrastructure ID.",
    )  # fmt: skip
    assert site.call("GET", base + "/data?delete=yes").status_code == 200
    assert site.call("GET", base).status_code == 404
    answer = site.call("PUT", "/infrastructures", "heir", data=text)
    assert (answer.text, "InfID" in answer.headers) == (f"http://localhost{base}", False)
    assert site.vms(key, "heir") == [0, 1]
    assert site.call("GET", base).status_code == 403
    assert numbers(site.call("POST", base, "heir", data="system wn\ndeploy wn 1\n")) == [2]
    assert site.settle(key, "heir")["state"] == "configured"
    for bad in ("", "x", "[]", "{}", '{"id": "x"}', json.dumps({"id": key})):
        answer = site.call("PUT", "/infrastructures", data=bad)
        assert answer.text.startswith("Error Importing Inf.: "), answer.text
        assert answer.status_code == 400


def test_an_export_of_the_infrastructure_manager_is_read(site: Any) -> None:
    key = "46a6e6fe-e649-11f1-b0d9-23b592c0b3fc"
    info = (
        "network n ( outbound = 'yes' )\nsystem node (\nnet_interface.0.connection = 'n' and\nstate = 'configured'\n)\n"
    )
    old = {
        "id": key, "radl": info.replace(" and\nstate = 'configured'", ""), "extra_info": {}, "auth": [],
        "vm_list": [
            {"im_id": 3, "id": "17", "state": "configured", "configured": True, "destroy": False, "info": info},
        ],
    }  # fmt: skip
    answer = site.call("PUT", "/infrastructures", "migrant", data=json.dumps(old))
    assert answer.status_code == 200, answer.text
    assert site.state(key, "migrant") == {"state": "configured", "vm_states": {"3": "configured"}}


def test_hosts(site: Any) -> None:
    key = site.create(RADL)
    base = f"/infrastructures/{key}/vms/1"
    found = site.call("GET", base, headers={"Accept": "application/json"}).get_json()["radl"]
    assert [item["class"] for item in found] == ["network", "network", "system"]
    assert found[-1]["memory.size_min"] == 10**9
    assert site.call("GET", base + "/cpu.count").text == "2"
    assert site.call("GET", base + "/memory.size", headers={"Accept": "application/json"}).get_json() == {
        "memory.size": 10**9
    }
    missing = site.call("GET", base + "/nosuch")
    assert (missing.status_code, missing.text) == (404, "Incorrect property nosuch for VM ID 1")
    assert site.call("GET", base + "/command?step=2").text == "true"
    assert "pass" not in site.call("GET", base + "/command").text
    altered = site.call("PUT", base, data="system wn (cpu.count>=4)\n")
    assert parse_radl(altered.text).systems[0].getValue("cpu.count") == 4
    wrong = site.call("PUT", base, data="system front (cpu.count>=4)\n")
    assert wrong.text == "Error modifying resources: Incorrect RADL no system with name wn provided."
    both = site.call("DELETE", f"/infrastructures/{key}/vms/0,99")
    assert (both.status_code, both.text) == (404, "Error Removing resources: Invalid VM ID")
    assert site.vms(key) == [0, 1]

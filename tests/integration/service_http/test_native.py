# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The native routes: deploy, follow, draw, destroy; and what runs the service wants to know."""

from __future__ import annotations

import http.client
import json
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from service.db.engine import session_scope
from service.db.models import Event, now
from service.db.retention import forget_old
from service.routes.openapi import describe, path_of
from sqlalchemy import select
from werkzeug.serving import make_server

pytestmark = pytest.mark.integration
AUTH = json.dumps(
    [{"id": "dummy", "type": "Dummy"}, {"type": "InfrastructureManager", "username": "user", "password": "pass"}]
)
TEMPLATE = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs: {count: {type: integer, default: 1}}
  node_templates:
    box:
      type: tosca.nodes.indigo.Compute
      capabilities: {scalable: {properties: {count: {get_input: count}}}}
"""


def deploy(site: Any, **body: Any) -> Any:
    return site.call("POST", "/deploy", json=body)


def test_deploy_by_name_follow_and_destroy(site: Any) -> None:
    answer = deploy(site, template="slurm", inputs={"wn_num": 2}, cloud="dummy", name="my cluster")
    assert answer.status_code == 202, answer.text
    found = answer.get_json()
    assert found["name"] == "my cluster"
    assert answer.headers["Location"] == found["links"]["self"]
    assert sorted(found["links"]) == ["contmsg", "destroy", "events", "graph", "outputs", "self", "state"]
    key = found["id"]
    assert len(site.settle(key)["vm_states"]) == 3
    for name in ("self", "state", "outputs", "contmsg", "graph"):
        path = found["links"][name].partition("localhost")[2]
        assert site.call("GET", path).status_code == 200, name
    gone = site.call("POST", found["links"]["destroy"].partition("localhost")[2])
    assert gone.status_code == 202
    stream = site.call("GET", f"/infrastructures/{key}/events")
    assert stream.text.endswith('event: end\ndata: {"reason": "gone"}\n\n')
    assert site.call("GET", f"/infrastructures/{key}/state").status_code == 404


def test_deploy_the_text_of_a_template(site: Any) -> None:
    answer = deploy(site, template=TEMPLATE, inputs={"count": 3})
    assert answer.status_code == 202, answer.text
    assert len(site.settle(answer.get_json()["id"])["vm_states"]) == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "The template is missing"),
        ({"template": "slrum"}, "Did you mean 'slurm'?"),
        ({"template": "../../etc/passwd"}, "no template"),
        ({"template": "x: ["}, "Error parsing TOSCA template"),
        ({"template": "slurm", "inputs": {"wn_nmu": 1}}, "wn_nmu"),
        ({"template": "slurm", "inputs": [1]}, "The inputs are an object"),
        ({"template": "slurm", "cloud": "nowhere"}, "No auth data for cloud"),
        ({"template": "slurm", "name": "a\nb"}, "no line ends"),
        ({"template": 1}, "'template' is text"),
        ({"template": "slurm", "colour": 1}, "unknown key 'colour'"),
    ],
)
def test_deploy_says_what_is_wrong(site: Any, body: dict[str, Any], words: str) -> None:
    answer = deploy(site, **body)
    assert answer.status_code == 400, answer.text
    assert words in answer.text


def test_deploy_wants_json(site: Any) -> None:
    assert site.call("POST", "/deploy", data="{", headers={"Content-Type": "application/json"}).status_code == 400
    assert site.call("POST", "/deploy", data="[]", headers={"Content-Type": "application/json"}).status_code == 400
    assert site.call("POST", "/deploy", data=TEMPLATE, headers={"Content-Type": "text/yaml"}).status_code == 415


def test_read_only(make_site: Callable[..., Any]) -> None:
    site = make_site(read_only=True)
    assert deploy(site, template="slurm").status_code == 403
    assert site.call("POST", "/destroy/x").status_code == 403


def test_the_catalogue(site: Any) -> None:
    client = site.app.test_client()
    found = client.get("/catalogue").get_json()["templates"]
    slurm = next(item for item in found if item["name"] == "slurm")
    assert slurm["title"] == "SLURM cluster"
    assert next(item for item in slurm["inputs"] if item["name"] == "fe_cpus") == {
        "name": "fe_cpus",
        "type": "integer",
        "description": "CPUs of the front end, at least",
        "default": 1,
        "constraints": [{"greater_or_equal": 1}],
        "required": False,
    }
    text = client.get("/catalogue/slurm")
    assert text.content_type.startswith("text/yaml")
    assert "tosca_definitions_version" in text.text
    assert client.get("/catalogue/slurm", headers={"Accept": "application/json"}).get_json() == {
        key: value for key, value in slurm.items() if key != "link"
    }
    assert client.get("/catalogue/nothing").status_code == 404


def test_the_picture_shows_the_hosts_that_are_there(site: Any) -> None:
    key = deploy(site, template="slurm", inputs={"wn_num": 3}, name="<i>mine</i>").get_json()["id"]
    site.settle(key)
    answer = site.call("GET", f"/infrastructures/{key}/graph.svg")
    assert answer.content_type.startswith("image/svg+xml")
    texts = [item.text or "" for item in ET.fromstring(answer.text).iter() if item.tag.endswith("text")]  # noqa: S314
    assert "<i>mine</i>" in texts
    assert any("3" in text and "wn" in text for text in texts), texts


@contextmanager
def served(app: Flask) -> Iterator[int]:
    """Serve an application on a real port."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(60)


class Follower:
    """A client of a stream that can break the connection, and goes on where it was, as a browser does."""

    def __init__(self, port: int, path: str) -> None:
        self.port, self.path, self.last, self.ended = port, path, "", False
        self.events: list[dict[str, Any]] = []
        self.kinds: list[str] = []

    def read(self, most: int) -> None:
        """Read some events, then cut the connection."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": AUTH, "Accept": "text/event-stream"}
        if self.last:
            headers["Last-Event-ID"] = self.last
        link.request("GET", self.path, headers=headers)
        answer = link.getresponse()
        assert answer.status == 200
        fields: dict[str, str] = {}
        while most > 0 and not self.ended:
            line = answer.readline().decode().rstrip("\n")
            if line:
                name, _colon, value = line.partition(": ")
                fields[name] = value
                continue
            most -= self._take(fields)
            fields = {}
        link.close()

    def _take(self, fields: dict[str, str]) -> int:
        if "data" not in fields:
            return 0
        kind = fields.get("event", "message")
        self.kinds.append(kind)
        self.ended = kind == "end"
        if "id" not in fields:
            return 0
        self.last = fields["id"]
        self.events.append(json.loads(fields["data"]))
        return 1


def test_a_client_that_is_cut_off_ten_times_misses_nothing(make_site: Callable[..., Any]) -> None:
    site = make_site(dummy_delay=0.05)
    with served(site.app) as port:
        key = deploy(site, template="slurm", inputs={"wn_num": 12}).get_json()["id"]
        follower = Follower(port, f"/infrastructures/{key}/events?until=idle")
        for _cut in range(10):
            follower.read(1)
        assert not follower.ended
        follower.read(10**9)
    with session_scope(site.engine) as session:
        wanted = list(session.scalars(select(Event.id).where(Event.infrastructure_id == key).order_by(Event.id)))
    assert [item["id"] for item in follower.events] == wanted
    assert len(wanted) > 10
    assert follower.kinds[-1] == "end"
    assert "operation" in follower.kinds
    assert set(follower.events[0]) == {
        *("id", "at", "operation", "phase", "host", "task", "status", "seconds", "message")
    }


def test_one_that_was_cut_off_learns_of_the_end(make_site: Callable[..., Any]) -> None:
    site = make_site()
    with served(site.app) as port:
        key = deploy(site, template="slurm").get_json()["id"]
        site.settle(key)
        path = f"/infrastructures/{key}/events"
        follower = Follower(port, path)
        follower.read(2)
        assert site.call("DELETE", f"/infrastructures/{key}").status_code == 200
        assert site.call("GET", f"/infrastructures/{key}/state").status_code == 404
        follower.read(10**9)
    assert follower.kinds[-1] == "end"
    with session_scope(site.engine) as session:
        wanted = list(session.scalars(select(Event.id).where(Event.infrastructure_id == key).order_by(Event.id)))
    assert [item["id"] for item in follower.events] == wanted
    assert follower.events[-1]["message"] == "delete is done."
    page = site.call("GET", path, headers={"Accept": "application/json"}).get_json()
    assert (page["gone"], page["operation"]["kind"], page["operation"]["state"]) == (True, "delete", "done")
    assert site.call("GET", path, "stranger").status_code == 404
    forget_old(site.engine, site.config, now() + timedelta(days=site.config.keep_deleted_days + 1))
    assert site.call("GET", path).status_code == 404


def test_events_in_json_go_on_where_they_were(site: Any) -> None:
    key = deploy(site, template="slurm").get_json()["id"]
    site.settle(key)
    accept = {"Accept": "application/json"}
    path = f"/infrastructures/{key}/events"
    whole = site.call("GET", path, headers=accept).get_json()
    assert whole["idle"]
    assert whole["operation"]["state"] == "done"
    found: list[Any] = []
    last = 0
    while True:
        part = site.call("GET", f"{path}?after={last}&limit=2", headers=accept).get_json()
        if not part["events"]:
            break
        found, last = found + part["events"], part["last"]
    assert found == whole["events"]
    header = site.call("GET", f"{path}?after=0", headers={**accept, "Last-Event-ID": str(last)}).get_json()
    assert header["events"] == []
    for query in ("after=-1", "after=x", "after=99999999999999999999", "limit=1001"):
        assert site.call("GET", f"{path}?{query}", headers=accept).status_code == 422, query
    assert site.call("GET", f"{path}?until=never").status_code == 400


def test_text_of_events_cannot_make_events(site: Any) -> None:
    key = deploy(site, template="slurm").get_json()["id"]
    site.settle(key)
    with session_scope(site.engine) as session:
        session.add(Event(infrastructure_id=key, message="a\n\nid: 1\nevent: end\ndata: {}\n\n\u2028b"))
    text = site.call("GET", f"/infrastructures/{key}/events?until=idle").text
    assert text.count("event: end\n") == 1
    assert text.endswith('event: end\ndata: {"reason": "idle"}\n\n')


def test_streams_leave_threads_for_others(make_site: Callable[..., Any]) -> None:
    site = make_site(web_threads=2)
    key = deploy(site, template="slurm").get_json()["id"]
    site.settle(key)
    path = f"/infrastructures/{key}/events"
    first = site.call("GET", path, buffered=False)
    assert site.call("GET", path).status_code == 503
    assert site.call("GET", path, headers={"Accept": "application/json"}).status_code == 200
    first.close()
    assert site.call("GET", f"{path}?until=idle").status_code == 200


def test_figures(site: Any) -> None:
    key = deploy(site, template="slurm").get_json()["id"]
    site.settle(key)
    site.app.extensions.pop("continuum_metrics", None)
    answer = site.app.test_client().get("/metrics")
    found = {item.name: item for item in text_string_to_metric_families(answer.text)}
    assert found["continuum_infrastructures"].samples[0].value >= 1
    assert found["continuum_operations"].type == "counter"
    assert found["continuum_events"].samples[0].value >= 5
    states = {item.labels["state"]: item.value for item in found["continuum_vms"].samples}
    assert states["configured"] >= 2
    assert key not in answer.text
    site.call("DELETE", f"/infrastructures/{key}")


def test_health_and_readiness(site: Any) -> None:
    client = site.app.test_client()
    assert client.get("/healthz").get_json()["status"] == "ok"
    assert client.get("/readyz").get_json() == {"status": "ready", "reasons": []}


def test_every_address_is_described(site: Any) -> None:
    described = site.app.test_client().get("/openapi.json").get_json()
    for rule in site.app.url_map.iter_rules():
        for method in set(rule.methods) - {"HEAD", "OPTIONS"}:
            item = described["paths"][path_of(rule)][method.lower()]
            assert item["summary"], rule
            named = {one["name"] for one in item["parameters"] if one["in"] == "path"}
            assert named == set(rule.arguments)
    names = [item["operationId"] for methods in described["paths"].values() for item in methods.values()]
    assert len(names) == len(set(names))
    text = json.dumps(described)
    for schema in described["components"]["schemas"]:
        assert f"#/components/schemas/{schema}" in text, schema
    assert describe(site.app)["paths"] == described["paths"]


def test_what_is_open_to_everybody_is_said_so(site: Any) -> None:
    client = site.app.test_client()
    for path, methods in describe(site.app)["paths"].items():
        for method, item in methods.items():
            answer = client.open(path.replace("{", "").replace("}", ""), method=method.upper())
            assert (answer.status_code == 401) == bool(item["security"]), (method, path, answer.status_code)


def test_the_page_needs_nothing_from_elsewhere(site: Any) -> None:
    answer = site.app.test_client().get("/docs")
    assert answer.content_type.startswith("text/html")
    assert "<script" not in answer.text
    assert "http" not in answer.text.replace("http://localhost", "").replace("https://localhost", "")
    for path in describe(site.app)["paths"]:
        assert path.replace("&", "&amp;") in answer.text

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to one user is closed to all others: a test for each endpoint, made from the map of addresses.

A new endpoint has to say here what protects it, or this file fails.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from service.db.engine import read_scope
from service.db.models import Event, Infrastructure, Operation, Owner, Vm
from sqlalchemy import func, select
from werkzeug.routing import Rule

pytestmark = pytest.mark.integration
RADL = "network n (outbound='yes')\nsystem front (net_interface.0.connection='n')\ndeploy front 1\ncontextualize ()\n"
# Endpoints that everybody may use: they show nothing of anybody.
PUBLIC = {
    *("version.start", "version.show_version", "version.static_file", "oai.oai"),
    *("health.healthz", "health.readyz", "health.metrics", "openapi.document", "openapi.page", "native.catalogue"),
    "native.template",
}
# Endpoints about no infrastructure in particular, each with its own test below.
GENERAL = {
    *("infrastructures.list_infrastructures", "infrastructures.create_infrastructure"),
    *("infrastructures.import_infrastructure", "clouds.cloud_info", "version.stats", "native.deploy"),
}
# What owners may read of an infrastructure that is deleted.
TOLD_TO_THE_END = {"native.events"}
OPEN = {"OPTIONS", "HEAD"}
VALUES = {"vm": "0", "disk": "0", "op": "stop", "prop": "state", "param": "quotas", "cloud": "dummy", "name": "x"}
KEYS = ("key", "infrastructure_id", "infrastructure", "id")


def rules(site: Any) -> list[tuple[Rule, str]]:
    return [
        (rule, method)
        for rule in site.app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - OPEN)
        if rule.endpoint not in PUBLIC
    ]


def key_of(rule: Rule) -> str:
    return next((name for name in KEYS if name in rule.arguments), "")


def address(rule: Rule, key: str) -> str:
    text = rule.rule
    for name in rule.arguments:
        for form in (f"<{name}>", f"<path:{name}>", f"<int:{name}>", f"<string:{name}>", f"<uuid:{name}>"):
            text = text.replace(form, key if name == key_of(rule) else VALUES.get(name, "0"))
    assert "<" not in text, f"{rule.rule}: tell this test a value"
    return text


def snapshot(site: Any) -> list[Any]:
    """Return everything that the database has on infrastructures."""
    with read_scope(site.engine) as session:
        found: list[Any] = [
            (item.id, item.source, item.state_override, item.wanted, item.updated_at, item.deleted_at)
            for item in session.scalars(select(Infrastructure).order_by(Infrastructure.id))
        ]
        found += [(vm.vm_id, vm.state, vm.extra) for vm in session.scalars(select(Vm).order_by(Vm.id))]
        found += [(one.user, one.identity) for one in session.scalars(select(Owner).order_by(Owner.id))]
        return found + [session.scalar(select(func.count()).select_from(kind)) for kind in (Operation, Event)]


BODIES = ["", RADL, '{"username": "b", "password": "x"}', "tosca: [", "\x00"]
KINDS = ["text/plain", "text/yaml", "application/json", "application/x-www-form-urlencoded"]


def test_every_endpoint_of_an_infrastructure_is_closed_to_others(site: Any) -> None:
    key = site.create(RADL)
    before = snapshot(site)
    tried = 0
    for rule, method in rules(site):
        if not key_of(rule):
            continue
        tried += 1
        path = address(rule, key)
        for query in ("", "?overwrite=1&force=1&delete=1&image_name=x&async=1", "?async=maybe&vm_list=a"):
            for index, body in enumerate(BODIES):
                headers = {"Content-Type": KINDS[index % len(KINDS)]}
                answer = site.call(method, path + query, "stranger", data=body, headers=headers)
                assert answer.status_code == 403, (method, path, query, body, answer.text)
                assert "Access to this infrastructure not granted." in answer.text
                assert "front" not in answer.text
    assert tried >= 13
    assert snapshot(site) == before
    assert site.state(key)["vm_states"] == {"0": "configured"}


def test_nothing_about_hosts_can_be_probed(site: Any) -> None:
    key = site.create(RADL)
    for rule, method in rules(site):
        if "vm" not in rule.arguments or not key_of(rule):
            continue
        path = address(rule, key)
        answers = {
            (answer.status_code, answer.text)
            for vm in ("0", "7", "abc", "0,1", "-1")
            for answer in [site.call(method, path.replace("/vms/0", f"/vms/{vm}"), "stranger", data=RADL)]
        }
        assert len(answers) == 1, answers


def test_the_right_password_is_part_of_the_user(site: Any) -> None:
    key = site.create(RADL)
    for password in ("", "PASS", "pass "):
        own = {"type": "InfrastructureManager", "username": "user", "password": password}
        answer = site.app.test_client().get(f"/infrastructures/{key}", headers={"Authorization": json.dumps([own])})
        assert answer.status_code == 403


def test_unknown_and_deleted_infrastructures_look_the_same(site: Any) -> None:
    key = site.create(RADL)
    assert site.call("DELETE", f"/infrastructures/{key}").status_code == 200
    for rule, method in rules(site):
        if not key_of(rule):
            continue
        answers = {
            (answer.status_code, answer.text)
            for name in (key, "00000000-0000-4000-8000-000000000000")
            for user in ("user", "stranger")
            if not (rule.endpoint in TOLD_TO_THE_END and name == key and user == "user")
            for answer in [site.call(method, address(rule, name), user)]
        }
        assert {status for status, _text in answers} == {404}, (rule.rule, answers)
        assert len(answers) == 1, answers


def test_without_credentials_nothing_is_looked_at(site: Any) -> None:
    key = site.create(RADL)
    before = snapshot(site)
    client = site.app.test_client()
    for rule, method in rules(site):
        path = address(rule, key)
        for headers in ({}, {"Authorization": ""}, {"Authorization": "garbage"}, {"Authorization": "Bearer x.y.z"}):
            answer = client.open(path, method=method, data="tosca: [", headers={**headers, "Content-Type": "text/yaml"})
            assert answer.status_code == 401, (method, path, headers, answer.text)
            assert "tosca" not in answer.text.lower().replace("error parsing tosca", "tosca")
    assert snapshot(site) == before


def test_every_general_endpoint_has_its_test(site: Any) -> None:
    general = {rule.endpoint for rule, _method in rules(site) if not key_of(rule)}
    assert general <= GENERAL, f"say what protects {general - GENERAL}"


def test_lists_and_figures_are_those_of_the_caller(site: Any) -> None:
    key = site.create(RADL)
    assert key in site.call("GET", "/infrastructures").text
    assert site.call("GET", "/infrastructures", "stranger").text == ""
    assert site.call("GET", "/infrastructures?filter=.*", "stranger").text == ""
    assert site.call("GET", "/stats", "stranger").get_json() == {"stats": []}
    assert key in site.call("GET", "/stats").text
    assert site.call("GET", "/clouds/dummy/quotas", "stranger").text == site.call("GET", "/clouds/dummy/quotas").text


def test_creating_says_nothing_of_others(site: Any) -> None:
    key = site.create(RADL)
    mine = site.create(RADL, user="stranger")
    assert mine != key
    assert site.call("GET", f"/infrastructures/{mine}").status_code == 403


def test_an_id_cannot_be_taken_by_importing(site: Any) -> None:
    key = site.create(RADL)
    data = site.call("GET", f"/infrastructures/{key}/data?delete=1").get_json()["data"]
    hosts = json.loads(data)["vm_list"]
    foreign = {"id": key, "vm_list": [], "radl": RADL, "extra_info": {}}
    for text in (json.dumps(foreign), json.dumps({**json.loads(data), "cloud": "local"}), data.replace(key, key[::-1])):
        answer = site.call("PUT", "/infrastructures", "stranger", data=text)
        assert answer.status_code == 400, answer.text
    other = site.create(RADL, user="other")
    answer = site.call("PUT", "/infrastructures", "stranger", data=json.dumps({**foreign, "id": other}))
    assert answer.status_code == 400
    assert site.call("PUT", "/infrastructures", data=data).status_code == 200
    assert len(hosts) == 1
    assert site.vms(key) == [0]

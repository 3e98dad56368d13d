# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is sent to any endpoint: the service never fails, and answers as /openapi.json says (schemathesis)."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.openapi import from_dict, from_wsgi
from service.routes import clouds, health, infrastructures, native, oai, openapi, version, vms
from service.routes.openapi import describe

from .conftest import running

pytestmark = pytest.mark.integration
FEW, MANY = 8, 2000
CHECKS: list[Any] = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
WHO = [{"id": "dummy", "type": "Dummy"}, {"type": "InfrastructureManager", "username": "user", "password": "pass"}]
HEADERS = {"Authorization": json.dumps(WHO)}
RADL = """network net (outbound = 'yes')
system box (
cpu.count >= 1 and
net_interface.0.connection = 'net'
)
deploy box 1
"""
TOSCA = """tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  inputs: {count: {type: integer, default: 1, constraints: [{in_range: [0, 3]}]}}
  node_templates:
    box:
      type: tosca.nodes.indigo.Compute
      capabilities: {scalable: {properties: {count: {get_input: count}}}}
  outputs: {ip: {value: {get_attribute: [box, public_address, 0]}}}
"""
SETTINGS = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "print_blob": False}


def operations() -> list[str]:
    """Return what the service can do, as METHOD /path; the description itself schemathesis asks for anyway."""
    app = Flask("service", static_folder=None)
    for module in (infrastructures, vms, clouds, version, oai, native, health, openapi):
        app.register_blueprint(module.blueprint)
    found = {operation.ok().label for operation in from_dict(describe(app)).get_all_operations()}
    return sorted(found - {"GET /openapi.json"})


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    home = tmp_path_factory.mktemp("home")
    chosen = {"dummy_cloud": "1", "dummy_delay": "0", "default_cloud": "", "poll_seconds": "0.02", "workers": "1"}
    with running(home=str(home), rate_per_user="0", rate_per_address="0", **chosen) as found:
        yield found


def alive(app: Flask) -> str:
    """Return an infrastructure that is there."""
    client = app.test_client()
    for uri in client.get("/infrastructures", headers=HEADERS).text.split():
        return uri.rsplit("/", 1)[-1]
    return client.post("/infrastructures?async=1", data=RADL, headers=HEADERS).headers["InfID"]


def exercise(app: Flask, label: str, examples: int) -> None:
    """Send examples, good and bad ones, to one endpoint."""
    schema = from_wsgi("/openapi.json", app)
    operation = next(item for found in schema.get_all_operations() if (item := found.ok()).label == label)
    key = alive(app)

    @settings(max_examples=examples, derandomize=True, **SETTINGS)  # type: ignore[arg-type]
    @given(
        case=st.one_of(operation.as_strategy(GenerationMode.POSITIVE), operation.as_strategy(GenerationMode.NEGATIVE)),
        real=st.booleans(),
        accept=st.sampled_from(["application/json", "*/*", "text/plain", "text/html"]),
    )
    def run(case: Any, real: bool, accept: str) -> None:
        if "{key}" in operation.path and real:
            case.path_parameters = {**dict(case.path_parameters or {}), "key": key}
        if operation.path.endswith("/events"):
            # A stream ends when nothing is left to do; one that does not end would be no example but a wait.
            case.query = {**dict(case.query or {}), "until": "idle"}
        if "async" in str(operation.query.get("async") or ""):
            case.query = {**dict(case.query or {}), "async": "true"}
        answer = case.call(headers={**HEADERS, "Accept": accept})
        case.validate_response(answer, checks=CHECKS)

    run()


@pytest.mark.parametrize("label", operations())
def test_every_endpoint_keeps_its_word(app: Flask, label: str) -> None:
    exercise(app, label, FEW)


@pytest.mark.long
@pytest.mark.parametrize("label", operations())
def test_every_endpoint_keeps_its_word_two_thousand_times(app: Flask, label: str) -> None:
    exercise(app, label, MANY)


def headers() -> st.SearchStrategy[str]:
    """Headers Authorization: of any letters, and such that are nearly good."""
    letters = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80)
    names = st.sampled_from(
        ["id", "type", "username", "password", "token", "host", "private_key", "hosts", "auth_version"]
    )
    kinds = st.sampled_from(["InfrastructureManager", "Dummy", "EC2", "OpenStack", "Static", "EGI", "Vault", "Azure"])
    record = st.dictionaries(names, letters | kinds, max_size=6)
    lines = st.lists(record).map(
        lambda found: "\\n".join("; ".join(f"{name} = {value}" for name, value in one.items()) for one in found)
    )
    texts = st.lists(record | st.none() | st.integers() | st.lists(st.none()), max_size=4).map(json.dumps)
    basic = letters.map(lambda text: "Basic " + base64.b64encode(text.encode()).decode())
    return letters | lines | texts | basic | letters.map("Bearer {}".format) | letters.map('[{{"type": {}'.format)


def mangled(text: str) -> st.SearchStrategy[str]:
    """A good text with pieces left out, doubled, changed or put elsewhere."""

    def mangle(seed: int) -> str:
        chance, found = random.Random(seed), list(text)  # noqa: S311 (no secret)
        for _step in range(chance.randint(1, 6)):
            first, second = sorted(chance.randrange(len(found) + 1) for _side in range(2))
            second = min(second, first + 30)
            piece = found[first:second]
            letters = [chance.choice("(){}[]'\",:=-&*!|>#%@` \n\t\0é0") for _letter in range(chance.randint(0, 3))]
            found[first:second] = chance.choice([[], piece * 2, letters, [*letters, *piece]])
            found = found or ["x"]
        return "".join(found)

    return st.integers(0, 2**32).map(mangle)


def send(app: Flask, path: str, **request: Any) -> None:
    answer = app.test_client().post(path, **request)
    assert answer.status_code < 500, (request, answer.text)


def check_headers(app: Flask, examples: int) -> None:
    @settings(max_examples=examples, derandomize=True, **SETTINGS)  # type: ignore[arg-type]
    @given(text=headers())
    def run(text: str) -> None:
        answer = app.test_client().get("/infrastructures", headers={"Authorization": text.replace("\n", " ")})
        assert answer.status_code in (200, 400, 401), (text, answer.text)
        send(app, "/infrastructures?dry_run=1", data=RADL, headers={"Authorization": text.replace("\n", " ")})

    run()


def check_bodies(app: Flask, examples: int) -> None:
    bodies = st.one_of(
        mangled(RADL).map(lambda text: ("text/plain", text)),
        mangled(TOSCA).map(lambda text: ("text/yaml", text)),
        mangled(json.dumps({"template": TOSCA, "inputs": {"count": 1}})).map(lambda text: ("application/json", text)),
    )

    @settings(max_examples=examples, derandomize=True, **SETTINGS)  # type: ignore[arg-type]
    @given(body=bodies)
    def run(body: tuple[str, str]) -> None:
        kind, text = body
        send(app, "/infrastructures?dry_run=1", data=text.encode(), headers={**HEADERS, "Content-Type": kind})

    run()


def test_headers_and_bodies_that_are_nearly_good(app: Flask) -> None:
    check_headers(app, FEW * 10)
    check_bodies(app, FEW * 10)


@pytest.mark.long
def test_two_thousand_headers_and_bodies(app: Flask) -> None:
    check_headers(app, MANY)
    check_bodies(app, MANY)

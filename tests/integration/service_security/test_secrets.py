# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twenty secrets go through the service, in runs that tell everything that they know. None of them is anywhere.

With everything switched off that keeps secrets, which only this test can do, all twenty are found by the same search.
"""

from __future__ import annotations

import json
import logging
import os
import pwd
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._parse.secret import secret_texts
from flask import Flask
from service.db.secrets import SecretBox
from service.log import JsonFormatter
from service.operations import execute
from service.operations.redact import Redactor

from .conftest import Planted, ProcessList, files_below, new_files, running, settled

pytestmark = pytest.mark.integration
# What a careless recipe or role would do, and Ansible with -vvv and --diff.
LEAKY = """
- name: Tell everything
  hosts: localhost
  gather_facts: false
  vars:
    given: "{{ inputs | default({}, true) }}"
  tasks:
    - name: Print the environment
      ansible.builtin.debug: {msg: "{{ lookup('ansible.builtin.pipe', 'env') }}"}
    - name: Print the key of hosts
      ansible.builtin.debug: {msg: "{{ lookup('ansible.builtin.file', cloud_static_private_key_file) }}"}
      when: cloud_static_private_key_file is defined
    - name: Print the template
      ansible.builtin.debug: {msg: "{{ lookup('ansible.builtin.file', template) }}"}
    - name: Print the inputs
      ansible.builtin.debug: {msg: "{{ given | dict2items | rejectattr('key', 'in', quiet) | items2dict }}"}
      vars:
        quiet: [fail_token, error_token, loud_token, diff_token, trace_token, coded_token, escaped_token]
    - name: Inputs of the recipe
      when: given | length > 0
      block:
        - name: Fail with {{ given.fail_token }}
          ansible.builtin.fail: {msg: "wrong: {{ given.fail_token }}"}
          ignore_errors: true
        - name: Fail as a program
          ansible.builtin.command: {cmd: "sh -c 'cat >&2; exit 3'", stdin: "{{ given.error_token }}"}
          changed_when: true
          ignore_errors: true
        - name: Be loud
          ansible.builtin.debug: {msg: "{{ given.loud_token }}", verbosity: 3}
        - name: Write a file
          ansible.builtin.copy:
            content: "{{ given.diff_token }}"
            dest: "{{ lookup('ansible.builtin.env', 'ANSIBLE_LOCAL_TEMP') }}/file"
            mode: "0600"
          register: written
        - name: Show the difference
          ansible.builtin.debug: {msg: "{{ written.diff }}"}
        - name: Raise an exception
          ansible.builtin.command:
            argv: ["{{ ansible_playbook_python }}", -c, import sys; raise ValueError(sys.stdin.read())]
            stdin: "{{ given.trace_token }}"
          changed_when: true
          ignore_errors: true
        - name: Encode
          ansible.builtin.debug:
            msg:
              - "{{ given.coded_token | b64encode }}"
              - "{{ ('user:' ~ given.coded_token) | b64encode }}"
              - "{{ given.escaped_token | urlencode }}"
              - "{{ given.escaped_token | to_json | to_json }}"
        - name: Give outputs
          ansible.builtin.set_stats: {data: {outputs: {told: "{{ given.token_of_output }}"}}, per_host: false}
"""
TEMPLATE = """
tosca_definitions_version: tosca_simple_yaml_1_0
metadata:
  tabs: {Access: [{entrance: {tag_type: password}}]}
topology_template:
  inputs:
    admin_password: {type: string}
    entrance: {type: string}
    default_password: {type: string, default: DEFAULT}
    db_credentials: {type: map, entry_schema: {type: string}}
    recipe_token: {type: string}
    fail_token: {type: string}
    error_token: {type: string}
    loud_token: {type: string}
    diff_token: {type: string}
    trace_token: {type: string}
    coded_token: {type: string}
    escaped_token: {type: string}
    token_of_output: {type: string}
  node_templates:
    box: {type: tosca.nodes.indigo.Compute}
  outputs:
    told: {value: {get_input: token_of_output}}
"""
SMALL = """
tosca_definitions_version: tosca_simple_yaml_1_0
topology_template:
  node_templates:
    box: {type: tosca.nodes.indigo.Compute}
"""
RADL = """
system box (
  cpu.count = 1 and
  disk.0.os.credentials.username = 'me' and
  disk.0.os.credentials.password = 'PASSWORD'
)
deploy box 1
"""
INPUTS = """admin_password entrance recipe_token fail_token error_token loud_token diff_token trace_token coded_token
    escaped_token token_of_output""".split()
TWENTY = 20
KEYSTONE = "http://127.0.0.1:9"
SHOWN = ("state", "contmsg", "data", "graph.svg", "vms/0", "vms/0/contmsg", "vms/0/state", "authorization", "events")
OPEN = ("/metrics", "/oai?verb=ListRecords&metadataPrefix=oai_dc", "/stats", "/openapi.json", "/infrastructures")


class Trial:
    """One service with planted secrets; `found` says where they are afterwards."""

    def __init__(self, folder: Path, app: Flask, secrets: Planted, log: Path, since: float) -> None:
        self.folder, self.app, self.secrets, self.log, self.since = folder, app, secrets, log, since
        self.answers: dict[str, bytes] = {}
        self.processes = ProcessList()
        # What is no credential of a cloud is never kept at all: not counted among the twenty.
        self.own = {"type": "InfrastructureManager", "username": "user", "password": secrets.make("own password")}

    def ask(self, method: str, path: str, record: dict[str, str] | None = None, **more: Any) -> Any:
        """Send a request of the user, with the record of a cloud, and keep the answer."""
        headers = {"Authorization": json.dumps([*([record] if record else []), self.own]), **more.pop("headers", {})}
        answer = self.app.test_client().open(path, method=method, headers=headers, **more)
        self.answers[f"{method} {path} {len(self.answers)}"] = answer.data + str(answer.headers).encode()
        return answer

    def run(self) -> None:
        """Send all secrets through the service, and ask for whatever there is to be seen."""
        with self.processes:
            keys = [self.ask("POST", path, record, **body).headers["InfID"] for path, record, body in self.requests()]
            for key in keys:
                assert settled(self.ask, key) != "pending"
        # Else nothing would have been told that could be found.
        assert b"error of the service" not in self.log.read_bytes()
        # Of these and of nothing else the owner gets what he has sent: outputs, and the template itself.
        assert self.secrets.texts["token_of_output"] in json.loads(self._outputs(keys[0]))["outputs"]["told"]
        for key in keys:
            for part in SHOWN:
                self.ask("GET", f"/infrastructures/{key}/{part}?until=idle")
        for path in OPEN:
            self.ask("GET", path)
        self.ask("GET", "/infrastructures", headers={"Authorization": json.dumps([self._wrong()])})
        assert self.ask("GET", "/broken").status_code == 500

    def requests(self) -> Iterator[tuple[str, dict[str, str] | None, dict[str, Any]]]:
        """Path, record and body of what is asked for."""
        make = self.secrets.make
        ec2 = {"id": "one", "type": "EC2", "username": "AKIA", "region": "eu-west-1"}
        ec2 |= {"password": make("EC2 password"), "token": make("EC2 token")}
        inputs: dict[str, Any] = {name: make(name) for name in INPUTS}
        inputs["db_credentials"] = {"inner": make("inner input")}
        text = TEMPLATE.replace("DEFAULT", json.dumps(make("default of an input")))
        yield "/deploy", ec2, {"json": {"template": text, "inputs": inputs}}
        site = {"type": "OpenStack", "host": KEYSTONE, "tenant": "t"}
        person = {
            "auth_version": "3.x_password",
            "username": "u",
            "domain": "d",
            "password": make("OpenStack password"),
        }
        yield "/deploy", {"id": "two", **site, **person}, {"json": {"template": SMALL}}
        program = {"auth_version": "3.x_appcred", "username": "i", "password": make("application credential")}
        yield "/deploy", {"id": "three", **site, **program}, {"json": {"template": SMALL}}
        key = make("private key", "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----")
        static = {"id": "four", "type": "Static", "host": "192.0.2.1", "username": "u", "private_key": key}
        yield "/deploy", static, {"json": {"template": SMALL}}
        radl = RADL.replace("PASSWORD", make("password of RADL", "Geh&im/{} +%"))
        yield "/infrastructures?async=1", {**ec2, "id": "five"}, {"data": radl}
        make("exception of the service")

    def found(self) -> dict[str, set[str]]:
        """Return the secrets that are somewhere."""
        places = {"process list": self.processes.content, "log": self.log.read_bytes(), **self.answers}
        places |= (
            files_below(self.folder / "home") | files_below(self.folder / "user") | files_below(self.folder / "tmp")
        )
        # Modules write there, whatever HOME is.
        modules = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".ansible" / "tmp"
        return self.secrets.found_in(places | new_files(modules, self.since) | new_files(Path("/tmp"), self.since))

    def _outputs(self, key: str) -> bytes:
        headers = {"Authorization": json.dumps([self.own]), "Accept": "application/json"}
        return self.app.test_client().get(f"/infrastructures/{key}/outputs", headers=headers).data

    def _wrong(self) -> dict[str, str]:
        return {"type": "InfrastructureManager", "token": self.secrets.make("wrong token")}


@contextmanager
def trial(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """Give a service whose runs are of the leaky playbook; everything else of them is as ever."""
    for name in ("home", "user", "tmp"):
        (folder / name).mkdir(mode=0o700)
    (folder / "leaky.yml").write_text(LEAKY)
    # In the place of ansible-playbook: the same program, with our playbook.
    program = folder / "ansible-playbook"
    program.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        f"ours = {str(folder / 'leaky.yml')!r}\n"
        "words = [ours if word.startswith('continuum.im.') else word for word in sys.argv[1:]]\n"
        f"os.execv({str(execute._PLAYBOOK)!r}, [{str(execute._PLAYBOOK)!r}, '-vvv', '--diff', *words])\n"
    )
    program.chmod(0o700)
    patch.setattr(execute, "_PLAYBOOK", program)
    patch.setenv("HOME", str(folder / "user"))
    patch.setenv("TMPDIR", str(folder / "tmp"))
    log = logging.StreamHandler((folder / "log").open("w", encoding="utf-8"))
    log.setFormatter(JsonFormatter())
    root = logging.getLogger()
    patch.setattr(root, "handlers", [*root.handlers, log])
    patch.setattr(root, "level", logging.INFO)
    planted, since = Planted(), time.time()
    settings = {"home": str(folder / "home"), "openstack_hosts": KEYSTONE, "poll_seconds": "0.1", "workers": "3"}
    with running(**settings) as app:
        found = Trial(folder, app, planted, folder / "log", since)

        @app.get("/broken")
        def _broken() -> None:
            raise RuntimeError(planted.texts["exception of the service"])

        yield found


def test_none_of_twenty_secrets_is_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with trial(tmp_path, monkeypatch) as found:
        found.run()
        assert found.found() == {}
        stars = b"".join(found.answers.values()).count(b"********")
    # The runs did tell everything, and what they told is there without the secrets.
    assert stars > TWENTY
    assert found.found() == {}


def test_the_search_finds_all_twenty_when_nothing_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_it_is(_self: Any, text: Any) -> Any:
        return text

    show: Callable[[logging.LogRecord], str] = logging.Formatter().format
    monkeypatch.setattr(Redactor, "text", as_it_is)
    monkeypatch.setattr(SecretBox, "seal", as_it_is)
    monkeypatch.setattr(SecretBox, "open", as_it_is)
    monkeypatch.setattr(JsonFormatter, "format", lambda _self, record: show(record))
    with trial(tmp_path, monkeypatch) as found:
        found.run()
        all_found = found.found()
    planted = set(found.secrets.cores) - {"own password", "wrong token"}
    assert len(planted) == TWENTY
    assert planted - set(all_found) == set(), os.listdir(tmp_path)
    assert "process list" not in {place for places in all_found.values() for place in places}


def test_secrets_of_a_template() -> None:
    data = {
        "metadata": {"tabs": {"T": [{"entrance": {"tag_type": "password"}}]}},
        "topology_template": {
            "inputs": {"entrance": {}, "a_password": {"default": "by default"}, "size": {"default": "large"}},
            "node_templates": {
                "a": [{"properties": {"api_key": "written there", "token": "short", "user": "somebody"}}]
            },
        },
    }
    assert sorted(filter(None, secret_texts(data, {"entrance": "given", "b_token": "more"}))) == [
        "by default",
        "given",
        "more",
        "written there",
    ]
    assert secret_texts(None, {"b_token": "more"}) == ["more"]
    assert secret_texts({"metadata": 1, "topology_template": {"inputs": []}}, {}) == []

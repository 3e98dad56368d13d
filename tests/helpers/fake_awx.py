# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of the API of AWX as the modules of awx.awx need, with the checks of AWX on what they send."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from awx_rules import is_playbook, survey_problems

TOKEN = "token-of-a-test"
Item = dict[str, Any]
# What each kind needs, and which of its fields name other things.
_NEEDED = {
    "organizations": ["name"],
    "execution_environments": ["name", "image"],
    "projects": ["name", "scm_type"],
    "credential_types": ["name", "kind", "inputs"],
    "credentials": ["name", "credential_type"],
    "inventories": ["name", "organization"],
    "hosts": ["name", "inventory"],
    "job_templates": ["name", "inventory", "project", "playbook"],
}
_POINTERS = {
    "organization": "organizations",
    "project": "projects",
    "inventory": "inventories",
    "execution_environment": "execution_environments",
    "default_environment": "execution_environments",
    "credential_type": "credential_types",
}
_UNIQUE = ("name", "organization", "inventory")
_FIELD_KEYS = {"id", "label", "type", "format", "secret", "multiline", "help_text", "choices", "default"}
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


class RefusedError(Exception):
    """AWX says no; `body` is why."""

    def __init__(self, code: int, body: Any) -> None:
        super().__init__(str(body))
        self.code, self.body = code, body


@dataclass
class FakeAwx:
    """What was set up, by kind and number. `project` is the folder whose playbooks a project has."""

    project: Path
    address: str = ""
    items: dict[str, dict[int, Item]] = field(default_factory=lambda: {kind: {} for kind in _NEEDED})
    surveys: dict[int, Item] = field(default_factory=dict)
    attached: dict[int, list[int]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def named(self, kind: str, name: str) -> Item:
        """Return the one with this name."""
        (found,) = [item for item in self.items[kind].values() if item["name"] == name]
        return found

    def answer(self, method: str, path: str, query: dict[str, str], body: Item) -> tuple[int, Any]:
        """Carry out one request."""
        words = path.removeprefix("/api/v2/").strip("/").split("/")
        if words[0] not in self.items:
            raise RefusedError(404, {"detail": "Not found."})
        if method != "GET":
            self.changes.append(f"{method} {path}")
        if len(words) == 1:
            return (200, self._list(words[0], query)) if method == "GET" else (201, self._make(words[0], body))
        number = int(words[1])
        if number not in self.items[words[0]]:
            raise RefusedError(404, {"detail": "Not found."})
        if len(words) == 2:
            if method == "PATCH":
                self._check(words[0], {**self.items[words[0]][number], **body}, number)
                self.items[words[0]][number].update(body)
            return 200, self.items[words[0]][number]
        return self._below(method, number, words[2], body)

    def _below(self, method: str, number: int, what: str, body: Item) -> tuple[int, Any]:
        if what == "survey_spec":
            if method == "POST":
                problems = survey_problems(body)
                if problems:
                    raise RefusedError(400, {"error": "; ".join(problems)})
                self.surveys[number] = body
            return 200, self.surveys.get(number, {})
        if what != "credentials":
            raise RefusedError(404, {"detail": "Not found."})
        known = self.attached.setdefault(number, [])
        if method == "GET":
            return 200, _page([self.items["credentials"][item] for item in known])
        kinds = [self.items["credentials"][item]["credential_type"] for item in known]
        if self.items["credentials"][body["id"]]["credential_type"] in kinds:
            raise RefusedError(400, {"error": "Cannot assign multiple credentials of one type."})
        known.append(body["id"])
        return 204, None

    def _list(self, kind: str, query: dict[str, str]) -> Item:
        either = {key.removeprefix("or__"): value for key, value in query.items() if key.startswith("or__")}
        both = {key: value for key, value in query.items() if not key.startswith("or__")}
        found = [
            item
            for item in self.items[kind].values()
            if all(str(item.get(key)) == value for key, value in both.items())
            and (not either or any(str(item.get(key)) == value for key, value in either.items()))
        ]
        return _page(found)

    def _make(self, kind: str, body: Item) -> Item:
        self._check(kind, body)
        number = sum(len(items) for items in self.items.values()) + 1
        url = f"/api/v2/{kind}/{number}/"
        related = {"survey_spec": f"{url}survey_spec/", "credentials": f"{url}credentials/"}
        item = {"id": number, "type": kind.rstrip("s"), "url": url, "related": related, "summary_fields": {}, **body}
        if kind == "projects":
            item |= {"scm_revision": "1", "status": "successful"}
        self.items[kind][number] = item
        return item

    def _check(self, kind: str, body: Item, number: int = 0) -> None:
        missing = {name: ["This field is required."] for name in _NEEDED[kind] if body.get(name) in (None, "")}
        if missing:
            raise RefusedError(400, missing)
        for name, other in _POINTERS.items():
            if body.get(name) is not None and body[name] not in self.items[other]:
                raise RefusedError(400, {name: ["Invalid pk: object does not exist."]})
        for item in self.items[kind].values():
            if item["id"] != number and all(item.get(name) == body.get(name) for name in _UNIQUE):
                raise RefusedError(400, {"__all__": ["It exists already."]})
        if kind == "job_templates":
            self._check_template(body)
        if kind == "credential_types":
            _check_type(body)

    def _check_template(self, body: Item) -> None:
        if not is_playbook(self.project, body["playbook"]):
            raise RefusedError(400, {"playbook": ["Playbook not found for project."]})
        json.loads(body.get("extra_vars") or "{}")


def _check_type(body: Item) -> None:
    """Fields have known keys; injectors use fields only, and set no variables of Ansible."""
    fields = {item["id"] for item in body["inputs"]["fields"]}
    unknown = {key for item in body["inputs"]["fields"] for key in item} - _FIELD_KEYS
    injected = (body.get("injectors") or {}).get("env", {})
    used = {name for text in injected.values() for name in _VARIABLE.findall(text)}
    reserved = [name for name in injected if name.startswith("ANSIBLE_")]
    if unknown or used - fields or reserved or body["kind"] not in ("cloud", "net"):
        raise RefusedError(400, {"inputs": [f"{unknown or used - fields or reserved or body['kind']}"]})


def _page(items: list[Item]) -> Item:
    return {"count": len(items), "next": None, "previous": None, "results": items}


@contextmanager
def running_awx(project: Path) -> Iterator[FakeAwx]:
    """Give an AWX that listens; it ends afterwards."""
    awx = FakeAwx(project)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def do_PATCH(self) -> None:
            self._serve()

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            try:
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    raise RefusedError(401, {"detail": "Authentication credentials were not provided."})
                with awx.lock:
                    code, found = awx.answer(self.command, parts.path, dict(parse_qsl(parts.query)), body)
            except RefusedError as error:
                code, found = error.code, error.body
            data = b"" if found is None else json.dumps(found).encode()
            self.send_response(code)
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    awx.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield awx
    finally:
        server.shutdown()
        server.server_close()

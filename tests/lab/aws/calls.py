# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a request asks for: service, region, action and parameters, found for each of the protocols of AWS."""

from __future__ import annotations

import functools
import io
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

Environ = dict[str, Any]

_SCOPE = re.compile(r"Credential=([^/]*)/\d+/([^/]+)/([^/]+)/aws4_request")
_QUERY = "application/x-www-form-urlencoded"
_REST = ("lambda", "route53", "s3")
_PLAIN = ("CreateBucket", "DeleteBucket", "GetObject", "ListObjects", "PutObject")


@dataclass
class Call:
    """One request. `form` are the parameters of the query protocol, in its flat names; changing it changes the call.

    `access_key` is that of the one who signed it.
    """

    service: str
    region: str
    action: str
    form: dict[str, str] = field(default_factory=dict)
    access_key: str = ""

    @property
    def name(self) -> str:
        """Return the name that tests know, like ec2:RunInstances."""
        return f"{self.service}:{self.action}"

    def get(self, name: str, default: str = "") -> str:
        """Return one parameter."""
        return self.form.get(name, default)

    def many(self, name: str) -> list[str]:
        """Return the parameters name.1, name.2, ... in order."""
        pattern = re.compile(re.escape(name) + r"\.(\d+)")
        found = [(int(match[1]), value) for key, value in self.form.items() if (match := pattern.fullmatch(key))]
        return [value for _number, value in sorted(found)]

    def groups(self, name: str) -> list[tuple[str, dict[str, str]]]:
        """Return the parameters name.N.x as one mapping {x: value} for each N, with the prefix name.N."""
        pattern = re.compile(re.escape(name) + r"\.(\d+)\.(.+)")
        found: dict[int, dict[str, str]] = {}
        for key, value in self.form.items():
            if match := pattern.fullmatch(key):
                found.setdefault(int(match[1]), {})[match[2]] = value
        return [(f"{name}.{number}", found[number]) for number in sorted(found)]

    def is_true(self, name: str) -> bool:
        """Return a parameter that is yes or no."""
        return self.form.get(name, "").lower() == "true"


def read_call(environ: Environ) -> Call:
    """Return the call of a request; its body can be read again afterwards."""
    body = read_body(environ)
    match = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = match.groups() if match else ("", "us-east-1", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return Call(service, region, target.rpartition(".")[2], access_key=key)
    if environ.get("CONTENT_TYPE", "").startswith(_QUERY) and b"Action=" in body:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        return Call(service, region, form.get("Action", ""), form, key)
    return Call(service or "s3", region, rest_action(service or "s3", environ), access_key=key)


def read_body(environ: Environ) -> bytes:
    """Return the body of a request and put it back."""
    size = int(environ.get("CONTENT_LENGTH") or 0)
    body: bytes = environ["wsgi.input"].read(size) if size else b""
    if size:
        environ["wsgi.input"] = io.BytesIO(body)
    return body


def write_form(environ: Environ, form: dict[str, str]) -> None:
    """Make `form` the body of a request."""
    body = urlencode(form).encode()
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)


def rest_action(service: str, environ: Environ) -> str:
    """Return the action of a service whose actions are paths; "" when it is not known."""
    if service not in _REST:
        return ""
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/").rstrip("/") or "/"
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    if "x-id" in query:
        return str(query["x-id"])
    copied = "HTTP_X_AMZ_COPY_SOURCE" in environ
    best, best_score = "", -1
    for name, verb, pattern, needed in _routes(service):
        copies = "Copy" in name
        if verb != method or not needed <= set(query) or not pattern.fullmatch(path) or (copies and not copied):
            continue
        # What asks for more fits better; of the rest, the plain names of the bare path do.
        score = 4 * len(needed) + 2 * copies + (name in _PLAIN)
        if score > best_score:
            best, best_score = name, score
    return best


@functools.lru_cache
def _routes(service: str) -> list[tuple[str, str, re.Pattern[str], set[str]]]:
    from botocore.loaders import Loader

    model = Loader().load_service_model(service, "service-2")
    result = []
    for name, operation in model["operations"].items():
        if operation.get("deprecated"):
            continue
        path, _mark, query = operation["http"]["requestUri"].partition("?")
        needed = {item[0] for item in parse_qsl(query, keep_blank_values=True)} - {"x-id"}
        shape = model["shapes"][operation["input"]["shape"]] if "input" in operation else {}
        members = [shape["members"][member] for member in shape.get("required", [])]
        needed |= {item["locationName"] for item in members if item.get("location") == "querystring"}
        text = re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.sub(r"\\\{[^}]+\+\\\}", ".+", re.escape(path.rstrip("/") or "/")))
        result.append((name, operation["http"]["method"], re.compile(text), needed))
    return result

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/openapi.json and /docs: the interface as it is, from the map of addresses and what functions say of themselves."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.routing import Rule

from .negotiation import HTML
from .respond import json_answer, text_answer
from .schemas import BODIES, PARAMETERS, QUERIES, RESPONSES, SCHEMAS, Query
from .version import API_VERSION

blueprint = Blueprint("openapi", __name__)
_HIDDEN = ("HEAD", "OPTIONS")
# What needs no header Authorization.
PUBLIC = (
    "health",
    "oai",
    "openapi",
    "version.start",
    "version.show_version",
    "version.static_file",
    "native.catalogue",
    "native.template",
)
_TITLES = {
    "infrastructures": "Infrastructures",
    "vms": "Hosts",
    "clouds": "Clouds",
    "version": "About the service",
    "health": "About the service",
    "openapi": "About the service",
    "native": "In short",
    "oai": "Harvesting",
}
_ABOUT = (
    "Deploys TOSCA and RADL documents on clouds, in the words of the Infrastructure Manager; and in short:"
    " POST /deploy, GET /infrastructures/{key}/events, POST /destroy/{key}."
)
_RECORDS = (
    "Records like 'type = InfrastructureManager; username = u; password = p', with \\\\n between them, or a JSON list"
    " of objects."
)
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
body{{font:16px/1.5 sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1d2733}}
section{{border-top:1px solid #d5dbe1;padding:.4rem 0}}
code{{background:#eef2f5;padding:.1rem .3rem;border-radius:.2rem}}
h3{{margin:.4rem 0;font-size:1rem}} b{{display:inline-block;min-width:4.2rem}} p{{margin:.2rem 0}} li{{margin:.1rem 0}}
</style></head><body><h1>{title}</h1><p>{about}
The same for programs: <a href="{root}/openapi.json">openapi.json</a>.</p>
{body}</body></html>
"""


@blueprint.get("/openapi.json")
def document() -> Response:
    """Describe the interface for programs (OpenAPI 3.1)."""
    return json_answer({**_described(), "servers": [{"url": _root() or "/"}]})


@blueprint.get("/docs")
def page() -> Response:
    """Describe the interface for people."""
    answer = text_answer(_as_page(_described(), current_app.config["CONTINUUM_ROOT"]), HTML)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return answer


def _root() -> str:
    return f"{request.scheme}://{request.host}{current_app.config['CONTINUUM_ROOT']}"


def _described() -> dict[str, Any]:
    return _describe_once(current_app._get_current_object())  # type: ignore[attr-defined]


@functools.lru_cache(maxsize=4)
def _describe_once(app: Flask) -> dict[str, Any]:
    return describe(app)


def describe(app: Flask) -> dict[str, Any]:
    """Return the description of an application."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        place = paths.setdefault(path_of(rule), {})
        for method in sorted(set(rule.methods or ()) - set(_HIDDEN)):
            place[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "continuum.im", "version": API_VERSION, "description": _ABOUT},
        "tags": [{"name": title} for title in dict.fromkeys(_TITLES.values())],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "records": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": _RECORDS,
                },
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of an OIDC issuer."},
            },
        },
    }


def path_of(rule: Rule) -> str:
    """Return an address with its parts in braces."""
    return re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", r"{\1}", rule.rule)


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    text = " ".join((app.view_functions[rule.endpoint].__doc__ or "").split())
    area = rule.endpoint.partition(".")[0]
    public = rule.endpoint in PUBLIC or area in PUBLIC
    methods = set(rule.methods or ()) - set(_HIDDEN)
    found: dict[str, Any] = {
        "operationId": "_".join([*rule.endpoint.split("."), *([] if len(methods) == 1 else [method.lower()])]),
        "tags": [_TITLES.get(area, area)],
        "summary": re.split(r"(?<=[.!?;])\s", text, maxsplit=1)[0].rstrip(".;"),
        "description": text,
        "parameters": [*map(_path_parameter, sorted(rule.arguments)), *_query_parameters(rule.endpoint)],
        "responses": _responses(rule.endpoint, public),
        "security": [] if public else [{"records": []}, {"bearer": []}],
    }
    if rule.endpoint in BODIES:
        content = {media: {"schema": schema} for media, schema in BODIES[rule.endpoint].items()}
        found["requestBody"] = {"content": content}
    return found


def _path_parameter(name: str) -> dict[str, Any]:
    schema, text = PARAMETERS.get(name, ({"type": "string"}, name))
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _query_parameters(endpoint: str) -> list[dict[str, Any]]:
    items: Mapping[str, Query] = QUERIES.get(endpoint, {})
    return [
        {"name": name, "in": "query", "required": False, "description": text, "schema": schema}
        for name, (schema, text) in items.items()
    ]


def _responses(endpoint: str, public: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, (text, content) in RESPONSES.get(endpoint, {"200": ("It went well.", {})}).items():
        found[status] = {"description": text}
        if content:
            found[status]["content"] = {media: {"schema": schema} for media, schema in content.items()}
    error = {
        "application/json": {"schema": {"$ref": "#/components/schemas/Error"}},
        "text/plain": {"schema": {"type": "string"}},
        "text/html": {"schema": {"type": "string"}},
    }
    if not public:
        found["401"] = {"description": "It is not known who asks.", "content": error}
        found["403"] = {"description": "The one who asks may not do this.", "content": error}
    found["429"] = {"description": "Somebody asks too often; Retry-After says when he may again.", "content": error}
    found["default"] = {"description": "An error, with a sentence that says what is wrong.", "content": error}
    return found


def _as_page(described: Mapping[str, Any], root: str) -> str:
    """Return the description as a page without any script."""
    areas: dict[str, list[str]] = {item["name"]: [] for item in described["tags"]}
    for path, methods in described["paths"].items():
        for method, item in methods.items():
            areas.setdefault(item["tags"][0], []).append(_section(path, method, item))
    body = "\n".join(f"<h2>{html.escape(name)}</h2>\n{''.join(parts)}" for name, parts in areas.items() if parts)
    info = described["info"]
    return _PAGE.format(title=html.escape(info["title"]), about=html.escape(info["description"]), root=root, body=body)


def _section(path: str, method: str, item: Mapping[str, Any]) -> str:
    head = f"<h3><b>{method.upper()}</b> <code>{html.escape(path)}</code></h3>"
    parts = [f"<section>{head}<p>{html.escape(item['description'])}</p>"]
    lines = [
        f"<code>{html.escape(one['name'])}</code> ({one['in']}): {html.escape(one['description'])}"
        for one in item["parameters"]
    ]
    if "requestBody" in item:
        lines.append(f"body: {html.escape(', '.join(item['requestBody']['content']))}")
    media = sorted(
        {name for answer in item["responses"].values() for name in answer.get("content", {})} - {"text/plain"}
    )
    if media:
        lines.append(f"answers: {html.escape(', '.join(media))}")
    if not item["security"]:
        lines.append("open to everybody")
    return "".join([*parts, "<ul>", *(f"<li>{line}</li>" for line in lines), "</ul></section>\n"])

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The native routes, for people who do not speak the words of the Infrastructure Manager."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.continuum.im.plugins.plugin_utils._describe.picture import picture
from ansible_collections.continuum.im.plugins.plugin_utils._describe.text import describe
from flask import Blueprint, Response, current_app, request

from ..auth.clouds import cloud_records, read_cloud
from ..db.engine import read_scope, session_scope
from ..db.models import Infrastructure
from ..errors import BadRequest, NotFound, ServiceError
from ..infrastructures import actions, create
from ..infrastructures import catalogue as templates
from ..infrastructures.context import Caller, definition_of, open_infrastructure, staying_vms
from ..infrastructures.definition import read_template_text
from ..infrastructures.document import Document
from ..infrastructures.stream import AT_ONCE, follow, look
from .guard import check_body_type, endpoint, flag, negotiated, service
from .negotiation import JSON
from .respond import Invalid, error_of, infrastructure_uri, json_answer, text_answer

blueprint = Blueprint("native", __name__)
EVENTS = "text/event-stream"
SVG = "image/svg+xml"
_KEYS = ("template", "inputs", "cloud", "name")
_LONGEST_NAME = 200
_LAST_ID = 2**63 - 1
_STREAMS = "continuum_streams"


@dataclass(frozen=True)
class _Wanted(Document):
    """A template for a chosen cloud."""

    cloud: str = ""

    @property
    def cloud_id(self) -> str:
        """The record of the header that the caller chose."""
        return self.cloud


@blueprint.post("/deploy")
@endpoint("Error deploying", JSON, (JSON,), changes=True)
def deploy(caller: Caller, _media: str) -> Response:
    """Deploy a template of the catalogue, or the text of one. The answer comes at once; follow the events."""
    check_body_type(only_json=True)
    posted = _posted()
    template = _text(posted, "template")
    if not template.strip():
        raise BadRequest("The template is missing. Name one of the catalogue (GET /catalogue), or send its text.")
    inputs = posted.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise BadRequest("The inputs are an object of names and values.")
    name = _text(posted, "name").strip()
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise BadRequest(f"A name has at most {_LONGEST_NAME} characters and no line ends.")
    cloud = _cloud(caller, _text(posted, "cloud"))
    text = template if templates.is_text(template) else templates.text_of(template.strip())
    read_template_text(text)
    # Here a cloud that cannot be used is the caller's to know at once, not in the events.
    caller.cloud(service().config, cloud)
    key = create.create(service(), caller, _Wanted(tosca=text, cloud=cloud), wait=False, inputs=inputs)
    if name:
        with session_scope(service().engine) as session:
            open_infrastructure(session, caller, key).display_name = name
    return _accepted(key)


@blueprint.post("/destroy/<key>")
@endpoint("Error destroying", JSON, (JSON,), changes=True)
def destroy(caller: Caller, _media: str, key: str) -> Response:
    """Destroy an infrastructure. The answer comes at once; follow the events."""
    actions.destroy(service(), caller, key, flag("force"), wait=False)
    return _accepted(key)


@blueprint.get("/catalogue")
def catalogue() -> Response:
    """List the templates of the catalogue with their inputs; everybody may know them."""
    return json_answer(
        {"templates": [{**item, "link": f"{_root()}/catalogue/{item['name']}"} for item in templates.catalogue()]}
    )


@blueprint.get("/catalogue/<name>")
def template(name: str) -> Response:
    """Show a template of the catalogue: its text, or what the list says about it; everybody may know it."""
    try:
        media = negotiated("text/yaml", (JSON, "application/yaml"))
        text = templates.text_of(name)
    except BadRequest as error:
        return error_of(NotFound(error.reason))
    if media == JSON:
        return json_answer(next(item for item in templates.catalogue() if item["name"] == name))
    return text_answer(text, media)


@blueprint.get("/infrastructures/<key>/events")
@endpoint("Error getting events", EVENTS, (JSON,), gone=True)
def events(_caller: Caller, media: str, key: str) -> Response:
    """Follow what happens: server-sent events, which go on after the id in Last-Event-ID or `after`.

    What was deleted can be read as long as the service remembers it.
    """
    after = _last_id()
    if media == JSON:
        limit = _number("limit", request.args.get("limit", str(AT_ONCE)), 1000) or 1
        found = look(service().engine, key, after, limit)
        last = found.events[-1]["id"] if found.events else after
        about = {"operation": found.operation, "idle": found.idle, "gone": found.gone}
        return json_answer({"events": found.events, "last": last, **about})
    until = request.args.get("until", "")
    if until not in ("", "idle"):
        raise BadRequest("'until' is idle, or it is not there.")
    return _stream(key, after, until == "idle")


@blueprint.get("/infrastructures/<key>/graph.svg")
@endpoint("Error getting the picture", SVG)
def graph(caller: Caller, _media: str, key: str) -> Response:
    """Draw the infrastructure: its hosts as many as there are, their networks, ports and software."""
    with read_scope(service().engine) as session:
        found = open_infrastructure(session, caller, key)
        topology = definition_of(service(), found).topology
        counts = Counter(vm.node for vm in staying_vms(found))
        groups = tuple(dataclasses.replace(group, count=counts[group.node]) for group in topology.groups)
        title = found.display_name or topology.name
    drawn = picture(describe(dataclasses.replace(topology, groups=groups, name=title)))
    answer = text_answer(drawn, SVG)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return answer


def _accepted(key: str) -> Response:
    """Answer that it is being done, and where to look."""
    with read_scope(service().engine) as session:
        found = session.get(Infrastructure, key)
        name = found.display_name if found is not None else ""
    place = infrastructure_uri(key)
    links = {part: f"{place}/{part}" for part in ("state", "outputs", "events", "contmsg", "graph.svg")}
    links = {
        "self": place,
        **{part.partition(".")[0]: link for part, link in links.items()},
        "destroy": f"{_root()}/destroy/{key}",
    }
    answer = json_answer({"id": key, "name": name, "links": links}, 202)
    answer.headers["Location"] = place
    answer.headers["InfID"] = key
    return answer


def _root() -> str:
    return f"{request.scheme}://{request.host}{current_app.config['CONTINUUM_ROOT']}"


def _posted() -> Mapping[str, Any]:
    try:
        found = json.loads(request.get_data(cache=False).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise BadRequest(f"The body is an object with {', '.join(_KEYS)}.")
    unknown = sorted(set(found) - set(_KEYS))
    if unknown:
        raise BadRequest(f"The body has an unknown key '{unknown[0][:100]}'. It may have {', '.join(_KEYS)}.")
    return found


def _text(posted: Mapping[str, Any], key: str) -> str:
    value = posted.get(key)
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"'{key}' is text.")
    return value or ""


def _cloud(caller: Caller, wanted: str) -> str:
    """Return the id of the record that is meant: by its id, its type, or the name of the cloud."""
    if not wanted:
        return ""
    records = cloud_records(caller.records)
    if any(record.get("id") == wanted for record in records):
        return wanted
    for record in records:
        try:
            access = read_cloud(record, service().config.dummy_cloud, service().config)
        except ServiceError:
            continue
        if wanted in (access.cloud, access.type):
            # A record without an id is found as the first of all, or not.
            return str(record.get("id") or "")
    return wanted


def _last_id() -> int:
    """Where to go on. The header wins: a browser sends it when it connects again to the same address."""
    text = request.headers.get("Last-Event-ID", "").strip() or request.args.get("after", "0")
    return _number("after", text, _LAST_ID)


def _number(name: str, text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most):
        raise Invalid("int_parsing", "query", name, "Input should be a valid integer", text[:100])
    return int(text)


def _stream(key: str, after: int, until_idle: bool) -> Response:
    config, engine = service().config, service().engine
    # Each stream takes a thread: some are left for everything else.
    room = current_app.extensions.setdefault(_STREAMS, threading.BoundedSemaphore(max(1, config.web_threads * 3 // 4)))
    if not room.acquire(blocking=False):
        raise ServiceError("Too many event streams are open. Ask for JSON, or come back later.", 503)
    answer = Response(follow(engine, key, after, until_idle), content_type=f"{EVENTS}; charset=utf-8")
    answer.headers["X-Accel-Buffering"] = "no"
    answer.call_on_close(room.release)
    return answer

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which differences between a recorded answer and ours are meant; docs/service/differences.md has their names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from radl.radl_json import radlToSimple
from radl.radl_parse import parse_radl


@dataclass(frozen=True)
class Request:
    """What was sent."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def media(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def data(self) -> Any:
        """The body as JSON; None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class _Case:
    file: str
    request: Request
    recorded: Answer
    ours: Answer
    ids: dict[str, str]


_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?")
_ADDRESS = re.compile(r"https?://127\.0\.0\.1:\d+")


def compare(file: str, request: Request, recorded: Answer, ours: Answer, ids: dict[str, str]) -> tuple[str, str]:
    """Return same, better or wrong, and the name of the difference or what is wrong."""
    case = _Case(file, request, recorded, ours, ids)
    same_head = (recorded.status, recorded.media) == (ours.status, ours.media)
    if same_head and ("infid" in recorded.headers) == ("infid" in ours.headers) and _same_body(case):
        return "same", ""
    for name, rule in RULES.items():
        if rule(case):
            return "better", f"({name})"
    if not same_head:
        return "wrong", f"status or type: {ours.status} {ours.media} for {recorded.status} {recorded.media}"
    return "wrong", "body"


def _plain(text: str, ids: dict[str, str]) -> str:
    for theirs, ours in ids.items():
        text = text.replace(theirs, ours)
    return _ADDRESS.sub("ADDRESS", _DATE.sub("DATE", text)).strip()


def _same_body(case: _Case) -> bool:
    theirs, ours = _plain(case.recorded.body, case.ids), _plain(case.ours.body, case.ids)
    if theirs == ours:
        return True
    if case.recorded.media == "application/json":
        return _ordered(_json(theirs)) == _ordered(_json(ours)) and _json(theirs) is not None
    if case.recorded.media == "text/uri-list":
        return sorted(theirs.splitlines()) == sorted(ours.splitlines())
    return False


def _ordered(value: Any) -> Any:
    """The order of a list of addresses means nothing."""
    if isinstance(value, dict) and set(value) == {"uri-list"}:
        return sorted(json.dumps(item) for item in value["uri-list"])
    return value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _message(answer: Answer) -> str:
    found = answer.data
    return str(found["message"]) if isinstance(found, dict) and "message" in found else answer.body


def _property(case: _Case) -> str:
    return case.request.path.partition("?")[0].rstrip("/").rsplit("/", 1)[-1]


def _statuses(case: _Case) -> tuple[int, int]:
    return case.recorded.status, case.ours.status


def _same_media(case: _Case) -> bool:
    return case.recorded.media == case.ours.media


def _bad_credentials(case: _Case) -> bool:
    words = ("credentials", "No username nor token", "decode OIDC", "Invalid username")
    return _statuses(case) == (400, 401) and any(word in _message(case.ours) for word in words)


def _swallowed_415(case: _Case) -> bool:
    return _statuses(case) == (400, 415) and "415: Unsupported" in _message(case.recorded)


def _standard_scheme(case: _Case) -> bool:
    scheme = case.request.headers.get("authorization", "").partition(" ")[0]
    is_json = case.request.headers.get("authorization", "").startswith("{")
    return (scheme in ("Bearer", "Basic") or is_json) and case.recorded.status in (400, 401)


def _bad_id(case: _Case) -> bool:
    return _statuses(case) == (500, 400) and "Incorrect value in auth item id" in _message(case.ours)


def _clear_messages(case: _Case) -> bool:
    """The same refusal; the words before the colon are the same, what follows is ours."""
    theirs, ours = _message(case.recorded), _message(case.ours)
    prefix = theirs.partition(":")[0]
    kinds = ("Error parsing", "Unknown reference", "incorrect data", "Cloud provider not supported", "decode OIDC")
    same = case.recorded.status == case.ours.status >= 400 and _same_media(case)
    return same and ours.startswith(prefix) and any(kind in theirs for kind in kinds)


def _vm_info(case: _Case) -> bool:
    """Ours has everything that theirs has, but for credentials of their simulated cloud; numbers may be real ones."""
    if _statuses(case) != (200, 200) or not _same_media(case) or _property(case) == "radl":
        return False
    theirs, ours = _radl(case.recorded), _radl(case.ours)
    if not theirs or not ours:
        return False
    systems = [[item for item in found if item["class"] == "system"] for found in (theirs, ours)]
    if [item["id"] for item in systems[0]] != [item["id"] for item in systems[1]]:
        return False
    missing = [
        key
        for mine, yours in zip(*systems, strict=True)
        for key in mine
        if key not in yours and not key.startswith("disk.0.os.credentials.") and key.removesuffix("_min") not in yours
    ]
    networks = {item["id"] for item in theirs if item["class"] == "network"}
    return not missing and networks <= {item["id"] for item in ours if item["class"] == "network"}


def _radl(answer: Answer) -> list[dict[str, Any]]:
    data = answer.data
    if isinstance(data, dict) and isinstance(data.get("radl"), list):
        return list(data["radl"])
    text = data["radl"] if isinstance(data, dict) and isinstance(data.get("radl"), str) else answer.body
    if not re.search(r"^(system|network) ", text, re.MULTILINE):
        return []
    try:
        return list(radlToSimple(parse_radl(text)))
    except Exception:
        return []


def _same_radl(case: _Case) -> bool:
    def shape(found: list[dict[str, Any]]) -> list[str]:
        kept = [item for item in found if item["class"] not in ("configure", "contextualize")]
        return sorted(json.dumps(item, sort_keys=True) for item in kept)

    theirs = _radl(case.recorded) if _property(case) == "radl" else []
    return bool(theirs) and shape(theirs) == shape(_radl(case.ours)) and _statuses(case) == (200, 200)


def _same_template(case: _Case) -> bool:
    """The template is the same; ours has the order and the comments that its owner gave it."""
    if _property(case) != "tosca" or _statuses(case) != (200, 200):
        return False

    def read(answer: Answer) -> Any:
        text = answer.data["tosca"] if isinstance(answer.data, dict) else answer.body
        found = yaml.safe_load(text)
        for node in found["topology_template"]["node_templates"].values():
            node.get("capabilities", {}).get("scalable", {}).get("properties", {}).pop("removal_list", None)
        return found

    return bool(read(case.recorded) == read(case.ours))


def _log(case: _Case) -> bool:
    return _property(case) == "contmsg" and _statuses(case) == (200, 200) and _same_media(case)


def _states(case: _Case) -> bool:
    """The same hosts; the simulated clouds end in different states (ours has addresses, or needs no time)."""
    if _property(case) not in ("state",) or _statuses(case) != (200, 200):
        return False
    theirs, ours = case.recorded.data, case.ours.data
    if isinstance(theirs, dict) and "vm_states" in theirs.get("state", {}):
        states = theirs["state"]["vm_states"]
        return not states or set(states) == set(ours["state"]["vm_states"])
    return _same_media(case)


def _export(case: _Case) -> bool:
    if _property(case) != "data" or _statuses(case) != (200, 200):
        return False
    found = json.loads(case.ours.data["data"])
    return isinstance(found, dict) and bool(found.get("sealed")) and "password" not in case.ours.data["data"].lower()


def _stats(case: _Case) -> bool:
    """The same columns; rows depend on what was made before."""
    if not case.request.path.startswith("/stats"):
        return False
    if case.recorded.body.strip() == "null":
        return case.ours.status == 415
    if case.recorded.media == "text/csv":
        return case.recorded.body.splitlines()[0] == case.ours.body.splitlines()[0] and _same_media(case)
    theirs, ours = case.recorded.data, case.ours.data
    if not isinstance(theirs, dict) or not theirs.get("stats"):
        return False
    return list(theirs["stats"][0]) == list(ours["stats"][0]) and len(theirs["stats"]) <= len(ours["stats"]) + 3


def _outputs(case: _Case) -> bool:
    if _property(case) != "outputs" or _statuses(case) != (200, 200):
        return False
    return set(case.recorded.data["outputs"]) == set(case.ours.data["outputs"])


def _version(case: _Case) -> bool:
    return case.request.path == "/version" and _statuses(case) == (200, 200) and "2.0.0+continuum" in case.ours.body


def _head_and_docs(case: _Case) -> bool:
    return case.request.path == "/" and case.ours.status == 200 and case.ours.media == case.recorded.media


def _dry_run(case: _Case) -> bool:
    if "dry_run" not in case.request.path or _statuses(case) != (200, 200):
        return False
    return set(case.recorded.data) == set(case.ours.data)


def _filter(case: _Case) -> bool:
    return "filter=" in case.request.path and _statuses(case) == (200, 200) and _same_media(case)


def _listing(case: _Case) -> bool:
    """What was left behind by refused requests is listed by theirs only."""
    if case.request.path.partition("?")[0] != "/infrastructures" or case.request.method != "GET":
        return False
    known = set(case.ids.values())
    found = set(re.findall(r"[0-9a-f-]{36}", case.ours.body))
    return _statuses(case) == (200, 200) and _same_media(case) and found <= known


def _until_gone(case: _Case) -> bool:
    return _property(case) == "state" and _statuses(case) == (404, 200) and '"state":"deleting"' in case.ours.body


def _stale_list(case: _Case) -> bool:
    if case.file == "351_rest_info_after_down":  # the one host fewer that the request before has asked for
        return len(case.ours.body.splitlines()) == len(case.recorded.body.splitlines()) - 1
    return case.request.method == "POST" and "Deleted VM." in case.recorded.body and case.ours.status == 200


def _oai(case: _Case) -> bool:
    return case.request.path.startswith("/oai") and case.ours.status == 200


def _command(case: _Case) -> bool:
    return _property(case) == "command" and case.ours.body.strip() in ("wait", "true")


RULES: dict[str, Callable[[_Case], bool]] = {
    "version": _version,
    "bad-credentials-401": _bad_credentials,
    "unsupported-type-415": _swallowed_415,
    "standard-authorization": _standard_scheme,
    "bad-record-id-400": _bad_id,
    "clear-messages": _clear_messages,
    "same-definition": _same_radl,
    "host-information": _vm_info,
    "template-as-written": _same_template,
    "own-log": _log,
    "simulated-states": _states,
    "sealed-export": _export,
    "statistics": _stats,
    "outputs-of-hosts": _outputs,
    "filter-works": _filter,
    "nothing-left-behind": _listing,
    "stale-removal-list": _stale_list,
    "deleting-until-gone": _until_gone,
    "estimate-of-wishes": _dry_run,
    "own-documentation": _head_and_docs,
    "own-catalogue": _oai,
    "no-tunnel": _command,
}

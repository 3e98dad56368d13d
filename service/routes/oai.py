# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/oai: the templates of the catalogue for harvesters, OAI-PMH 2.0."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import catalogue_names
from ansible_collections.continuum.im.plugins.plugin_utils._translate import CATALOGUE
from flask import Blueprint, Response, request

blueprint = Blueprint("oai", __name__)
_OAI = "http://www.openarchives.org/OAI/2.0/"
_DC = "http://purl.org/dc/elements/1.1/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_FORMATS = {
    "oai_dc": ("http://www.openarchives.org/OAI/2.0/oai_dc/", "http://www.openarchives.org/OAI/2.0/oai_dc.xsd", "dc"),
    "oai_openaire": (
        "http://namespace.openaire.eu/schema/oaire/",
        "https://www.openaire.eu/schema/repo-lit/4.0/openaire.xsd",
        "resource",
    ),
    "oai_datacite": (
        "http://datacite.org/schema/kernel-4",
        "https://schema.datacite.org/meta/kernel-4.4/metadata.xsd",
        "resource",
    ),
}
_ARGUMENTS: dict[str, tuple[set[str], set[str]]] = {
    "Identify": (set(), set()),
    "ListMetadataFormats": (set(), {"identifier"}),
    "ListSets": (set(), {"resumptionToken"}),
    "ListIdentifiers": ({"metadataPrefix"}, {"from", "until", "set"}),
    "ListRecords": ({"metadataPrefix"}, {"from", "until", "set"}),
    "GetRecord": ({"identifier", "metadataPrefix"}, set()),
}
_PREFIX = "oai:continuum.im:"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?")


class _ProblemError(Exception):
    """An error of the protocol: its code and a sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True)
class _Record:
    name: str
    stamp: str
    title: str
    description: str
    author: str
    version: str
    tags: tuple[str, ...]


@blueprint.route("/oai", methods=["GET", "POST"])
def oai() -> Response:
    """Answer a harvester; everybody may ask."""
    values = request.values
    root = ET.Element("OAI-PMH", {"xmlns": _OAI, "xmlns:xsi": _XSI})
    root.set("xsi:schemaLocation", f"{_OAI} http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd")
    _add(root, "responseDate", _now())
    asked = _add(root, "request", request.base_url)
    try:
        arguments = _checked(values)
        for key, value in arguments.items():
            asked.set(key, value)
        root.append(_VERBS[arguments["verb"]](arguments))
    except _ProblemError as problem:
        _add(root, "error", problem.text).set("code", problem.code)
    text = ET.tostring(root, encoding="unicode")
    return Response(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}', content_type="text/xml; charset=utf-8")


def _checked(values: Any) -> dict[str, str]:
    """Return the arguments. Raises `_ProblemError`."""
    verbs = values.getlist("verb")
    if len(verbs) != 1 or verbs[0] not in _ARGUMENTS:
        raise _ProblemError("badVerb", "The verb is missing, repeated or not one of OAI-PMH.")
    found = {}
    for key in values:
        if len(values.getlist(key)) > 1:
            raise _ProblemError("badArgument", f"The argument '{key[:50]}' is repeated.")
        found[key] = values[key]
    if "resumptionToken" in found and verbs[0].startswith("List"):
        raise _ProblemError("badResumptionToken", "Lists are not parted here, so that there are no tokens.")
    needed, possible = _ARGUMENTS[verbs[0]]
    names = set(found) - {"verb"}
    if not needed <= names or not names <= needed | possible:
        raise _ProblemError("badArgument", "An argument is missing or not known to the verb.")
    for key in ("from", "until"):
        if key in found and not _DATE.fullmatch(found[key]):
            raise _ProblemError("badArgument", f"'{key}' is a date such as 2026-01-31 or 2026-01-31T12:00:00Z.")
    if found.get("metadataPrefix", "oai_dc") not in _FORMATS:
        raise _ProblemError("cannotDisseminateFormat", "This metadata format is not supported.")
    if "set" in found:
        raise _ProblemError("noSetHierarchy", "There are no sets here.")
    return found


def _records() -> list[_Record]:
    found = []
    for name, path in catalogue_names(CATALOGUE).items():
        try:
            with open(path, encoding="utf-8") as file:
                data = yaml.safe_load(file)
            stamp = datetime.fromtimestamp(int(os.stat(path).st_mtime), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        except (OSError, yaml.YAMLError):
            continue
        said = data.get("metadata") if isinstance(data, dict) else None
        said = said if isinstance(said, dict) else {}
        tags = said.get("tag") or []
        found.append(
            _Record(
                name=name,
                stamp=stamp,
                title=str(said.get("display_name") or said.get("template_name") or name),
                description=str(data.get("description") or "") if isinstance(data, dict) else "",
                author=str(said.get("template_author") or "continuum.im authors"),
                version=str(said.get("template_version") or "1.0.0"),
                tags=tuple(str(tag) for tag in (tags if isinstance(tags, list) else [tags])),
            )
        )
    return found


def _selected(arguments: dict[str, str]) -> list[_Record]:
    start, end = arguments.get("from", ""), arguments.get("until", "")
    found = [
        item
        for item in _records()
        if (not start or item.stamp[: len(start)] >= start) and (not end or item.stamp[: len(end)] <= end)
    ]
    if not found:
        raise _ProblemError("noRecordsMatch", "No records match.")
    return found


def _by_name(identifier: str) -> _Record:
    record = next((item for item in _records() if _PREFIX + item.name == identifier), None)
    if record is None:
        raise _ProblemError("idDoesNotExist", "There is no record with this identifier.")
    return record


def _identify(_arguments: dict[str, str]) -> ET.Element:
    found = ET.Element("Identify")
    earliest = min((item.stamp for item in _records()), default=_now())
    for name, text in (
        ("repositoryName", "continuum.im"),
        ("baseURL", request.base_url),
        ("protocolVersion", "2.0"),
        ("adminEmail", "admin@localhost"),
        ("earliestDatestamp", earliest),
        ("deletedRecord", "no"),
        ("granularity", "YYYY-MM-DDThh:mm:ssZ"),
    ):
        _add(found, name, text)
    return found


def _formats(arguments: dict[str, str]) -> ET.Element:
    if "identifier" in arguments:
        _by_name(arguments["identifier"])
    found = ET.Element("ListMetadataFormats")
    for prefix, (space, schema, _tag) in _FORMATS.items():
        item = _add(found, "metadataFormat")
        _add(item, "metadataPrefix", prefix)
        _add(item, "schema", schema)
        _add(item, "metadataNamespace", space)
    return found


def _sets(_arguments: dict[str, str]) -> ET.Element:
    raise _ProblemError("noSetHierarchy", "There are no sets here.")


def _identifiers(arguments: dict[str, str]) -> ET.Element:
    found = ET.Element("ListIdentifiers")
    for item in _selected(arguments):
        found.append(_header(item))
    return found


def _list(arguments: dict[str, str]) -> ET.Element:
    found = ET.Element("ListRecords")
    for item in _selected(arguments):
        found.append(_record(item, arguments["metadataPrefix"]))
    return found


def _get(arguments: dict[str, str]) -> ET.Element:
    found = ET.Element("GetRecord")
    found.append(_record(_by_name(arguments["identifier"]), arguments["metadataPrefix"]))
    return found


def _header(item: _Record) -> ET.Element:
    found = ET.Element("header")
    _add(found, "identifier", _PREFIX + item.name)
    _add(found, "datestamp", item.stamp)
    return found


def _record(item: _Record, prefix: str) -> ET.Element:
    found = ET.Element("record")
    found.append(_header(item))
    space, schema, tag = _FORMATS[prefix]
    metadata = _add(found, "metadata")
    if prefix == "oai_dc":
        body = ET.SubElement(metadata, "oai_dc:dc", {"xmlns:oai_dc": space, "xmlns:dc": _DC})
    else:
        body = ET.SubElement(metadata, tag, {"xmlns": space, "xmlns:dc": _DC})
    body.set("xsi:schemaLocation", f"{space} {schema}")
    pairs = [("title", item.title), ("description", item.description), ("creator", item.author)]
    pairs += [("date", item.stamp[:10]), ("identifier", _PREFIX + item.name), ("type", "software")]
    pairs += [("format", "application/yaml"), *(("subject", tag) for tag in item.tags)]
    for name, text in pairs:
        _add(body, f"dc:{name}", text)
    return found


def _add(parent: ET.Element, name: str, text: str = "") -> ET.Element:
    found = ET.SubElement(parent, name)
    found.text = text or None
    return found


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_VERBS = {
    "Identify": _identify,
    "ListMetadataFormats": _formats,
    "ListSets": _sets,
    "ListIdentifiers": _identifiers,
    "ListRecords": _list,
    "GetRecord": _get,
}

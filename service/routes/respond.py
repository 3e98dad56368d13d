# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers and errors in the shapes that clients know."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from typing import Any

from flask import Response, current_app, request

from ..errors import ServiceError, TooMany
from .negotiation import HTML, JSON, TEXT, URIS, error_type

_PAGE = """<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">
<html>
    <head>
        <title>Error {code}.</title>
    </head>
    <body>
        <h1>Code: {code}.</h1>
        <h1>Message: {message}</h1>
    </body>
</html>
"""


class Invalid(Exception):  # noqa: N818 (not a failure of the program)
    """A part of the path or of the query has a value that it cannot have."""

    def __init__(self, kind: str, where: str, name: str, message: str, value: Any, expected: str = "") -> None:
        super().__init__(message)
        item: dict[str, Any] = {"type": kind, "loc": [where, name], "msg": message, "input": value}
        self.detail = [{**item, "ctx": {"expected": expected}} if expected else item]


def compact(value: Any) -> str:
    """Return JSON without blanks."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def json_answer(value: Any, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(compact(value), status, content_type=JSON)


def text_answer(text: str, media: str = TEXT, status: int = 200) -> Response:
    """Answer with text."""
    return Response(text, status, content_type=f"{media}; charset=utf-8")


def empty() -> Response:
    """Answer that all went well."""
    return text_answer("")


def named(media: str, name: str, value: Any, text: str | None = None) -> Response:
    """Answer with one value: as JSON under its name, else as text."""
    if media == JSON:
        return json_answer({name: value})
    return text_answer(str(value) if text is None else text)


def uri_list(media: str, uris: Iterable[str]) -> Response:
    """Answer with a list of addresses."""
    if media == JSON:
        return json_answer({"uri-list": [{"uri": uri} for uri in uris]})
    return text_answer("\n".join(uris), URIS)


def one_uri(media: str, uri: str) -> Response:
    """Answer with one address."""
    return json_answer({"uri": uri}) if media == JSON else text_answer(uri, URIS)


def error_answer(status: int, message: str) -> Response:
    """Answer with an error, in the type that the client asked for."""
    media = error_type(request.headers.get("Accept"))
    if media == JSON:
        found = json_answer({"message": message, "code": status}, status)
    elif media == HTML:
        page = _PAGE.format(code=status, message=html.escape(message, quote=False))
        found = text_answer(page, HTML, status)
    else:
        found = text_answer(message, TEXT, status)
    if status == 401:
        found.headers["WWW-Authenticate"] = 'Bearer realm="continuum.im"'
    return found


def error_of(error: ServiceError, prefix: str = "") -> Response:
    """Answer with an error of a lower layer; texts that say where they come from get no words before them."""
    bare = error.reason.startswith(
        ("Error parsing ", "Unsupported ", "'", "Incorrect property", "Incorrect vm_list", "Incorrect format")
    )
    found = error_answer(error.status, error.reason if bare or not prefix else f"{prefix}: {error.reason}")
    if isinstance(error, TooMany):
        found.headers["Retry-After"] = str(error.seconds)
    return found


def infrastructure_uri(key: str) -> str:
    """Return the address of an infrastructure, as the client sees this service."""
    return f"{request.scheme}://{request.host}{current_app.config['CONTINUUM_ROOT']}/infrastructures/{key}"


def vm_uri(key: str, number: int) -> str:
    """Return the address of a host."""
    return f"{infrastructure_uri(key)}/vms/{number}"

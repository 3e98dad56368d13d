# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of every endpoint: who asks, may anything be changed, in which type is the answer; only then the body."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Concatenate, ParamSpec, cast

from flask import Response, current_app, g, request

from ..auth.egi import with_sites
from ..auth.records import Record, is_bearer, read_header
from ..auth.vault import own_vault, with_vaults
from ..config import Config
from ..errors import BadRequest, Forbidden, ServiceError, Unauthorized, UnsupportedMedia
from ..infrastructures.context import Caller, Service, authorize
from ..infrastructures.document import Document, read_document
from .limits import limits
from .negotiation import JSON, accepted, body_type, choose
from .respond import Invalid, error_of

_TRUE = ("1", "true", "yes", "on", "t", "y")
_FALSE = ("0", "false", "no", "off", "f", "n")
_MOST_AUTHORIZATION = 256 * 1024
Arguments = ParamSpec("Arguments")
View = Callable[Arguments, Response]


def service() -> Service:
    """Return the service of this process."""
    return cast("Service", current_app.extensions["continuum"])


def endpoint(
    prefix: str,
    default: str = JSON,
    others: Sequence[str] = (JSON,),
    *,
    changes: bool = False,
    strict: bool = False,
    gone: bool = False,
) -> Callable[[Callable[Concatenate[Caller, str, Arguments], Response]], View[Arguments]]:
    """Make a view of a function that takes the caller and the type of the answer.

    An infrastructure that the path names (`key`) is one that the caller may use.

    `prefix` stands before the texts of errors. `changes`: refused while the service is read only. `strict`: the message
    about an unknown type lists the types, as clients know it from some endpoints. `gone`: works for infrastructures
    that are deleted, too.
    """

    def decorate(view: Callable[Concatenate[Caller, str, Arguments], Response]) -> View[Arguments]:
        @functools.wraps(view)
        def guarded(*arguments: Arguments.args, **more: Arguments.kwargs) -> Response:
            try:
                caller = _caller()
                if changes and service().config.read_only:
                    raise Forbidden("Function currently disabled.")
                if "key" in more:
                    authorize(service(), caller, str(more["key"]), gone, changes)
                media = negotiated(default, others, strict)
                return view(caller, media, *arguments, **more)
            except ServiceError as error:
                return error_of(error, "" if getattr(error, "bare", False) else prefix)

        guarded.continuum_prefix = prefix  # type: ignore[attr-defined]
        return cast("View[Arguments]", guarded)

    return decorate


def negotiated(default: str, others: Sequence[str] = (), strict: bool = False) -> str:
    """Return the type of the answer. Raises `UnsupportedMedia`."""
    header = request.headers.get("Accept")
    media = choose(header, default, *others)
    if media is None:
        wanted = accepted(header)
        raise UnsupportedMedia(f"Unsupported Accept Media Types: {wanted if strict else ','.join(wanted)}")
    return media


def _caller() -> Caller:
    text = _authorization()
    if not text.strip():
        error = Unauthorized("No authentication data provided")
        error.bare = True  # type: ignore[attr-defined]
        raise error
    limits().before_login()
    records, config = read_header(text), service().config
    try:
        identity = service().identities.identify(records)
    except Unauthorized:
        limits().failed()
        raise
    limits().user(identity.keys[0])
    if is_bearer(text):
        records += own_vault(config, identity.token, identity.subject)
    # A Vault is asked when credentials of clouds are needed, and not before it is known who asks.
    expand = functools.partial(_expanded, config=config)
    caller = Caller(identity, records, str(g.get("request_id", "")), expand)
    g.user = caller.identity.user
    return caller


def _expanded(records: Sequence[Record], config: Config) -> list[Record]:
    """What a Vault has may be all sites of a VO."""
    return with_sites(with_vaults(records, config), config)


def _authorization() -> str:
    """Return the header as text: HTTP carries bytes, clients mean UTF-8."""
    text = request.headers.get("Authorization", "")
    if len(text) > _MOST_AUTHORIZATION:
        raise BadRequest("The header Authorization is too long.")
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def flag(name: str, default: bool = False) -> bool:
    """Return a parameter of the query that is true or false. Raises `Invalid`."""
    text = request.args.get(name)
    if text is None:
        return default
    if text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    message = "Input should be a valid boolean, unable to interpret input"
    raise Invalid("bool_parsing", "query", name, message, text)


def required(name: str) -> str:
    """Return a parameter of the query that must be there. Raises `Invalid`."""
    text = request.args.get(name)
    if text is None:
        raise Invalid("missing", "query", name, "Field required", None)
    return text


def one_of(name: str, value: str, known: Sequence[str]) -> str:
    """Return a part of the path that is one of some words. Raises `Invalid`."""
    if value in known:
        return value
    words = [f"'{word}'" for word in known]
    expected = f"{', '.join(words[:-1])} or {words[-1]}"
    raise Invalid("literal_error", "path", name, f"Input should be {expected}", value, expected)


def check_body_type(*, only_json: bool = False) -> str:
    """Return the kind of the body, before it is read. Raises `UnsupportedMedia`."""
    header = request.headers.get("Content-Type")
    kind = body_type(header)
    if only_json:
        kind = "json" if not header or kind == "json" else ""
    if not kind:
        shown = (header or "").partition(";")[0].strip()
        # A body that is not there has no type that could be wrong.
        if not only_json and not request.content_length and "Transfer-Encoding" not in request.headers:
            return "radl"
        raise UnsupportedMedia(f"Unsupported Media Type {[shown]}")
    return kind


def document(kind: str, complete: bool = True) -> Document:
    """Return the body as a document. Call it when it is known that the caller may do what is asked."""
    return read_document(kind, request.get_data(cache=False), complete)

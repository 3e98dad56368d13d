# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""/version, /stats and /static."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import cast

import yaml
from ansible_collections.continuum.im.plugins.plugin_utils._translate import COLLECTION
from flask import Blueprint, Response, current_app, request

from ..db.engine import read_scope
from ..errors import NotFound, UnsupportedMedia
from ..infrastructures.context import Caller
from ..infrastructures.stats import as_csv, read_date, statistics
from .guard import endpoint, negotiated, service
from .negotiation import CSV, JSON, TEXT
from .respond import error_of, json_answer, named, text_answer

blueprint = Blueprint("version", __name__)
# The version of the API that clients look for; ours stands behind it.
API_VERSION = "2.0.0"


@functools.cache
def version() -> str:
    """Return the version of the API and of this collection."""
    try:
        found = yaml.safe_load((Path(COLLECTION) / "galaxy.yml").read_text(encoding="utf-8"))
        return f"{API_VERSION}+continuum.{found['version']}"
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return f"{API_VERSION}+continuum"


@blueprint.get("/version")
def show_version() -> Response:
    """Return the version; everybody may know it."""
    try:
        return named(negotiated(TEXT, (JSON,)), "version", version())
    except UnsupportedMedia as error:
        return error_of(error)


@blueprint.get("/")
def start() -> Response:
    """Show the description of the interface for people."""
    page = cast("Callable[[], Response]", current_app.view_functions["openapi.page"])
    return page()


@blueprint.get("/stats")
@endpoint("Error getting stats", JSON, (JSON, CSV))
def stats(caller: Caller, media: str) -> Response:
    """Return figures of the caller's infrastructures."""
    first, last = (read_date(request.args.get(name), name) for name in ("init_date", "end_date"))
    with read_scope(service().engine) as session:
        rows = statistics(session, caller, first, last)
    return text_answer(as_csv(rows), CSV) if media == CSV else json_answer({"stats": rows})


@blueprint.get("/static/<path:name>")
def static_file(name: str) -> Response:
    """There are no static files."""
    return error_of(NotFound(f"Static files not enabled.{name[:0]}"))

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""EGI's information service: which sites there are, where their keystones are, which projects and images a VO has.

What it says is kept for some minutes. When it does not answer, what it said last is good enough: sites move seldom.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests

from ..config import Config
from .access import AccessError

FRESH_SECONDS = 300.0
_STALE_SECONDS = 24 * 3600.0
# After a failure the next ones who ask are told at once.
_PAUSE_SECONDS = 15.0
_TIMEOUTS = (5, 10)
_LONGEST_SECONDS = 20.0
_LONGEST = 8 * 1024 * 1024
_MOST_KEPT = 2000


@dataclass
class _Kept:
    """Answers by URL, with the time when they came; and until when services are left alone."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: dict[str, tuple[float, Any]] = field(default_factory=dict)
    pauses: dict[str, float] = field(default_factory=dict)


_KEPT = _Kept()


def site(config: Config, name: str) -> dict[str, Any] | None:
    """Return what is known of a site, None when there is no such site. Raises `AccessError`."""
    found = _ask(config, f"/site/{quote(name, safe='')}/")
    return found if isinstance(found, dict) else None


def projects(config: Config, name: str) -> dict[str, str]:
    """Return the ids of the projects of a site, by VO. Raises `AccessError`."""
    return {item["name"]: item["id"] for item in _list(config, f"/site/{quote(name, safe='')}/projects", "name", "id")}


def sites(config: Config, vo: str) -> list[str]:
    """Return the names of the sites that have a project for a VO. Raises `AccessError`."""
    return [item["name"] for item in _list(config, f"/sites/?vo_name={quote(vo, safe='')}", "name")]


def images(config: Config, name: str, vo: str) -> list[dict[str, Any]]:
    """Return the images that a site has for a VO. Raises `AccessError`."""
    return _list(config, f"/site/{quote(name, safe='')}/{quote(vo, safe='')}/images", "id")


def forget() -> None:
    """Forget everything, for tests."""
    with _KEPT.lock:
        _KEPT.answers.clear()
        _KEPT.pauses.clear()


def _list(config: Config, path: str, *keys: str) -> list[dict[str, Any]]:
    """Return a list of objects; those without the keys are left out."""
    found = _ask(config, path)
    items = found if isinstance(found, list) else []
    return [item for item in items if isinstance(item, dict) and all(isinstance(item.get(key), str) for key in keys)]


def _ask(config: Config, path: str) -> Any:
    """Return an answer that is new enough, None for 404. Raises `AccessError` when there is none at all."""
    base, present = config.egi_info_url.rstrip("/"), time.monotonic()
    with _KEPT.lock:
        when, kept = _KEPT.answers.get(base + path, (-_STALE_SECONDS, None))
        paused = _KEPT.pauses.get(base, 0.0) > present
    if when + FRESH_SECONDS > present:
        return kept
    try:
        found = None if paused else _get(base + path)
    except (requests.RequestException, UnicodeError, OSError, ValueError, RecursionError):
        paused = True
        with _KEPT.lock:
            _KEPT.pauses[base] = present + _PAUSE_SECONDS
    if paused:
        if kept is not None and when + _STALE_SECONDS > present:
            return kept
        raise AccessError(f"EGI's information service {base} does not answer. Try again in a minute.", 503)
    if found is not None:
        _keep(base + path, found)
    return found


def _keep(url: str, found: Any) -> None:
    with _KEPT.lock:
        if len(_KEPT.answers) >= _MOST_KEPT:
            _KEPT.answers.clear()
        _KEPT.answers[url] = (time.monotonic(), found)


def _get(url: str) -> Any:
    """Return the JSON at a URL, None for 404; it may take only so long, and only so much."""
    end, text = time.monotonic() + _LONGEST_SECONDS, b""
    with requests.get(url, timeout=_TIMEOUTS, stream=True, headers={"Accept": "application/json"}) as answer:
        if answer.status_code in (404, 422):
            return None
        answer.raise_for_status()
        for part in answer.iter_content(64 * 1024):
            text += part
            if len(text) > _LONGEST or time.monotonic() > end:
                raise ValueError("too long")
    return json.loads(text)

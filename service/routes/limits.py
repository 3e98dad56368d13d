# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often somebody may ask, and what browsers may do with the answers.

Users are counted by who they are; those who say not who they are, and those who say it wrongly, by their address. Each
process of the web counts on its own.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from flask import Blueprint, Response, current_app, request
from flask.blueprints import BlueprintSetupState

from ..config import Config
from ..errors import TooMany
from .negotiation import HTML
from .respond import error_of

blueprint = Blueprint("limits", __name__)
_LIMITS = "continuum_limits"
# So many seconds of the rate may be asked for at once.
_BURST_SECONDS = 10
_SMALLEST_BURST = 20
_MOST_KNOWN = 20_000
# These are asked by machines, again and again.
_FREE = ("health",)
_NETWORK_BITS = 64
# No page of ours loads or sends anything, and none is shown inside of another.
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLES = "style-src 'unsafe-inline'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Bucket:
    """Tokens by name: they come at a steady rate, and one goes with each request."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_minute / 60
        self._size = max(_SMALLEST_BURST, self._rate * _BURST_SECONDS)
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, name: str, take: bool = True) -> float:
        """Take a token and return 0, or return after how many seconds there is one."""
        if self._rate <= 0:
            return 0.0
        with self._lock:
            at = self._clock()
            tokens, before = self._known.get(name, (self._size, at))
            tokens = min(self._size, tokens + (at - before) * self._rate)
            free = tokens >= 1
            if take or name in self._known:
                self._known[name] = (tokens - 1 if free and take else tokens, at)
                self._known.move_to_end(name)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return 0.0 if free else (1 - tokens) / self._rate


class Limits:
    """The buckets of a process."""

    def __init__(self, config: Config) -> None:
        self._users = Bucket(config.rate_per_user)
        self._addresses = Bucket(config.rate_per_address)
        self._failures = Bucket(config.rate_per_address)

    def user(self, key: str) -> None:
        """Count a request of a user. Raises `TooMany`."""
        _check(self._users.wait(key))

    def stranger(self) -> None:
        """Count a request of nobody in particular. Raises `TooMany`."""
        _check(self._addresses.wait(_address()))

    def before_login(self) -> None:
        """Refuse those who have failed too often of late, before any password is looked at. Raises `TooMany`."""
        _check(self._failures.wait(_address(), take=False))

    def failed(self) -> None:
        """Count a request with credentials that are wrong."""
        self._failures.wait(_address())


def limits() -> Limits:
    """Return the limits of this process."""
    found: Limits = current_app.extensions[_LIMITS]
    return found


def _check(seconds: float) -> None:
    if seconds:
        raise TooMany("Too many requests. Wait a little.", max(1, math.ceil(seconds)))


def _address() -> str:
    """Return the address of the client: of IPv6 its network, since everybody there has many."""
    text = request.remote_addr or ""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text
    if isinstance(found, ipaddress.IPv4Address) or found.ipv4_mapped:
        return str(getattr(found, "ipv4_mapped", None) or found)
    return str(ipaddress.ip_network((found, _NETWORK_BITS), strict=False))


@blueprint.before_app_request
def _count() -> Response | None:
    endpoint = request.endpoint or ""
    if endpoint.partition(".")[0] in _FREE or request.method == "OPTIONS":
        return None
    # Where somebody has to say who he is, he is counted there (guard.endpoint).
    asks = hasattr(current_app.view_functions.get(endpoint), "continuum_prefix")
    if asks and request.headers.get("Authorization", "").strip():
        return None
    try:
        limits().stranger()
    except TooMany as error:
        return error_of(error)
    return None


@blueprint.after_app_request
def _protect(answer: Response) -> Response:
    for name, value in _HEADERS.items():
        answer.headers.setdefault(name, value)
    styles = f"; {_STYLES}" if answer.mimetype == HTML else ""
    own = answer.headers.get("Content-Security-Policy", "")
    if "frame-ancestors" not in own:
        rest = own.partition("default-src 'none'")[2] if own else styles
        answer.headers["Content-Security-Policy"] = _POLICY + rest
    seconds = current_app.extensions["continuum"].config.hsts_seconds
    if seconds and request.is_secure:
        answer.headers["Strict-Transport-Security"] = f"max-age={seconds}"
    return answer


@blueprint.record_once
def _begin(state: BlueprintSetupState) -> None:
    app = state.app
    app.extensions[_LIMITS] = Limits(app.extensions["continuum"].config)

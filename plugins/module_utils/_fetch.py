# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting a file from an http(s) address, with Ansible's own client: it knows proxies and certificates.

Where a run may not go everywhere, a client that connects to the very addresses that were looked at, follows redirects
in the same way, and sends nothing of the files of this machine along.
"""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.urls import open_url

from ._hosts.reach import NotReachable, Reach

_TIMEOUT_SECONDS = 20
_WHOLE_SECONDS = 120
_PART = 65536
_AGENT = "continuum.im"
_ALLOW = "who runs the service can allow it: CONTINUUM_SOURCE_HOSTS"


def download(url: str, most: int, reach: Reach | None = None) -> bytes:
    """Return at most `most` bytes of an http(s) address.

    It is in `reach`, where None is everywhere. Raises OSError or ValueError.
    """
    if reach is not None:
        return _download(url, most, reach)
    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https addresses are downloaded")
    with open_url(url, timeout=_TIMEOUT_SECONDS, http_agent=_AGENT) as reply:
        content: bytes = reply.read(most)
    return content


def downloads(where: Callable[[], Reach | None]) -> Callable[[str, int], bytes]:
    """Return `download` for a place that is known only when something is downloaded."""

    def fetch(url: str, most: int) -> bytes:
        return download(url, most, where())

    return fetch


def _download(url: str, most: int, reach: Reach) -> bytes:
    _check(url, reach)
    opener = urllib.request.OpenerDirector()
    opener.addheaders = [("User-Agent", _AGENT)]
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(reach),
        _Web(reach),
    ):
        opener.add_handler(handler)
    until, parts, size = time.monotonic() + _WHOLE_SECONDS, [], 0
    with opener.open(url, timeout=_TIMEOUT_SECONDS) as reply:
        while size < most:
            part = reply.read1(min(_PART, most - size))
            if not part:
                break
            if time.monotonic() > until:
                raise OSError(f"it takes longer than {_WHOLE_SECONDS} seconds")
            parts.append(part)
            size += len(part)
    return b"".join(parts)


def _check(url: str, reach: Reach) -> None:
    problem = reach.problem(url)
    if problem:
        raise NotReachable(_sentence(url, problem))


def _sentence(url: str, problem: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    shown = "".join(character for character in host if character.isprintable())[:100]
    return f"{shown or 'it'} {problem} ({_ALLOW})" if problem.startswith("is not called") else f"it {problem}"


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Looks at where a redirect leads before it is followed."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        """Return the next request. Raises `NotReachable`."""
        _check(newurl, self._reach)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Web(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Opens connections to addresses that were looked at; a proxy connects by itself, to what was looked at before."""

    def __init__(self, reach: Reach) -> None:
        super().__init__()
        self._reach = reach

    def http_open(self, req: Any) -> Any:
        """Send a request."""
        return self.do_open(self._connection(http.client.HTTPConnection, "http", req), req)

    def https_open(self, req: Any) -> Any:
        """Send a request."""
        return self.do_open(self._connection(http.client.HTTPSConnection, "https", req), req)

    def _connection(self, kind: Any, scheme: str, req: Any) -> Any:
        if req.host != urlsplit(req.full_url).netloc:
            return kind

        def make(host: str, **more: Any) -> Any:
            found = kind(host, **more)

            def connect(place: tuple[str, int], seconds: float, _source: Any = None) -> Any:
                try:
                    return self._reach.connect(scheme, place[0], place[1], seconds)
                except NotReachable as error:
                    # As an OSError it comes out as it is.
                    raise OSError(_sentence(req.full_url, str(error))) from None

            found._create_connection = connect
            return found

        return make

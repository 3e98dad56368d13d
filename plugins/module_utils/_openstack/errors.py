# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What OpenStack refuses, in one sentence with a hint; and what may have been done although no answer came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._hosts.model import HostsError

_QUOTA = re.compile(r"quota|exceed\w* (?:the )?(?:maximum|allowed|limit)|limit exceeded", re.IGNORECASE)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")
_HINTS = {
    401: "check the credentials (clouds.yaml, OS_* variables); an access token may have expired: get a new one.",
    403: "let the administrator of the project allow it; docs/clouds/openstack.md lists what is needed.",
    413: "ask the site for a higher quota, or make the infrastructure smaller.",
    429: "the project makes too many calls at the moment; run again in a minute, it goes on where it stopped.",
}
_QUOTA_HINT = _HINTS[413]
_BROKEN = "OpenStack has a problem of its own at the moment; run again, it goes on where it stopped."


class RefusedError(HostsError):
    """OpenStack answered with an error: its HTTP status, what it said, and how long it asks us to wait."""

    def __init__(self, status: int, text: str, message: str, hint: str = "", wait: float = 0) -> None:
        super().__init__(message, hint)
        self.status, self.text, self.wait = status, text, wait


class LostError(HostsError):
    """No answer came: the call may have been carried out."""


def refused(call: str, status: int, body: Any, wait: float = 0) -> RefusedError:
    """Return the error that OpenStack answered a call with; `body` is the answer."""
    text = said(body)
    hint = _HINTS.get(status, _BROKEN if status >= 500 else "")
    if status in (403, 409, 413) and _QUOTA.search(text):
        hint = _QUOTA_HINT
    about = f": {text}" if text else ""
    return RefusedError(status, text, f"OpenStack refused {without_ids(call)} ({status}){about}.", hint, wait)


def lost(call: str, error: object) -> LostError:
    """Return the error for a call without an answer."""
    return LostError(
        f"OpenStack does not answer {without_ids(call)}: {short(str(error))}.",
        "check the network and the address of the site; run again, it goes on where it stopped.",
    )


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an error that OpenStack answered with, 0 for other errors."""
    return error.status if isinstance(error, RefusedError) else 0


def text_of(error: BaseException) -> str:
    """Return what OpenStack said, "" for other errors."""
    return error.text if isinstance(error, RefusedError) else ""


def is_throttled(error: BaseException) -> bool:
    """Tell whether nothing was done because too many calls were made."""
    return status_of(error) == 429


def is_unclear(error: BaseException) -> bool:
    """Tell whether the call may have been carried out: no answer came, or one of a broken server."""
    return isinstance(error, LostError) or status_of(error) >= 500


def said(body: Any) -> str:
    """Return the message of an answer; the services of OpenStack wrap it in different words."""
    if isinstance(body, Mapping):
        if isinstance(body.get("message"), str):
            return short(body["message"])
        for item in body.values():
            found = said(item) if isinstance(item, Mapping) else short(item) if isinstance(item, str) else ""
            if found:
                return found
        return ""
    return short(re.sub(r"<[^>]*>", " ", str(body or "")))


def without_ids(text: str) -> str:
    """Return a text without the ids of resources, which tell a person nothing."""
    return _ID.sub("...", text)


def short(text: str) -> str:
    """Return a text as a part of one sentence."""
    return " ".join(text.split()).rstrip(".")[:400]

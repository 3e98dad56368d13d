# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services answer when they refuse, in the form of each of them. Pure."""

from __future__ import annotations

import json

Answer = tuple[str, list[tuple[str, str]], bytes]

_TEXTS = {
    "throttle": (429, "Too Many Requests", "This request was rate-limited.", "overLimit"),
    "error500": (500, "Internal Server Error", "Unexpected API Error. Please report this.", "computeFault"),
    "error503": (503, "Service Unavailable", "The service is temporarily unavailable.", "serviceUnavailable"),
    "denied": (403, "Forbidden", "Policy doesn't allow {call} to be performed.", "forbidden"),
    "unauthorized": (401, "Unauthorized", "The request you have made requires authentication.", "unauthorized"),
    "conflict": (409, "Conflict", "The resource is in use or was changed by another request.", "conflictingRequest"),
    "quota": (403, "Forbidden", "Quota exceeded for cores: Requested 1, but already used 8 of 8 cores", "forbidden"),
}
_NEUTRON_TYPES = {"conflict": "IpAddressInUse", "quota": "OverQuota", "denied": "HTTPForbidden"}
_NEUTRON_TEXTS = {"conflict": "IP address is already allocated in the network, or the port is in use."}


def refusal(kind: str, service: str, call: str) -> Answer:
    """Return status, headers and body of a fault."""
    code, title, text, name = _TEXTS[kind]
    text = text.format(call=call)
    headers = [("Content-Type", "application/json")]
    if kind == "throttle":
        headers.append(("Retry-After", "1"))
    if kind == "quota":
        code, title, text, name = _quota(service, call)
    if kind == "unauthorized" or service == "identity":
        body: object = {"error": {"code": code, "title": title, "message": text}}
    elif service == "network":
        text = _NEUTRON_TEXTS.get(kind, text)
        body = {"NeutronError": {"type": _NEUTRON_TYPES.get(kind, "HTTPError"), "message": text, "detail": ""}}
    elif service == "image":
        return f"{code} {title}", _html(headers), f"<html><body><h1>{code} {title}</h1>{text}</body></html>".encode()
    else:
        body = {name: {"code": code, "message": text}}
    return f"{code} {title}", headers, json.dumps(body).encode()


def _html(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [("Content-Type", "text/html; charset=UTF-8"), *headers[1:]]


def _quota(service: str, call: str) -> tuple[int, str, str, str]:
    kind = call.rpartition("/")[2].replace("-", "_").rstrip("s")
    if service == "network":
        return 409, "Conflict", f"Quota exceeded for resources: ['{kind}'].", "OverQuota"
    if service == "volume":
        word = "Snapshot" if kind == "snapshot" else "Volume"
        text = f"{word}LimitExceeded: Maximum number of {kind}s allowed (8) exceeded for quota '{kind}s'."
        return 413, "Request Entity Too Large", text, "overLimit"
    if kind == "os_keypair":
        return 403, "Forbidden", "Quota exceeded, too many key pairs.", "forbidden"
    if kind == "os_server_group":
        return 403, "Forbidden", "Quota exceeded, too many server groups.", "forbidden"
    code, title, text, name = _TEXTS["quota"]
    return code, title, text, name

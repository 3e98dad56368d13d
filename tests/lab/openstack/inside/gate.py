# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands before a service: writes down the calls of users, and lets faults strike them."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lab.openstack.calls import name_of
from lab.openstack.faults import Faults

from . import control, refusals

Environ = dict[str, Any]
Application = Callable[[Environ, Any], Iterable[bytes]]
_READING = ("GET", "HEAD", "OPTIONS")


class Gate:
    """The WSGI application in front. Calls between services come by another port and pass untouched."""

    def __init__(self, application: Application, service: str, public: int) -> None:
        self._application, self._service, self._public = application, service, str(public)
        folder = control.folder()
        self._faults = Faults(folder)
        self._calls = os.open(folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if str(environ.get("SERVER_PORT")) != self._public:
            return self._application(environ, start_response)
        method = environ["REQUEST_METHOD"]
        path = str(environ.get("SCRIPT_NAME") or "") + str(environ.get("PATH_INFO") or "")
        call = name_of(self._service, method, path)
        os.write(self._calls, f"{call}\n".encode())
        kind = self._faults.strike(call)
        if kind == "lost_request":
            cut(environ)
        if kind == "lost_answer":
            _consume(self._application(environ, _ignore))
            self._wake(method)
            cut(environ)
        if kind:
            status, headers, body = refusals.refusal(kind, self._service, call)
            start_response(status, headers)
            return [body]
        return self._pass(environ, start_response, method)

    def _pass(self, environ: Environ, start_response: Any, method: str) -> Iterable[bytes]:
        answer = self._application(environ, start_response)
        self._wake(method)
        return answer

    def _wake(self, method: str) -> None:
        if self._service == "network" and method not in _READING:
            control.wake()


def cut(environ: Environ) -> None:
    """End the connection of a request without an answer."""
    connection = _connection(environ)
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionAbortedError("a fault of the lab cut the connection")


def _connection(environ: Environ) -> Any:
    by_waitress = environ.get("waitress.client_disconnected")
    if by_waitress is not None:
        return by_waitress.__self__.socket
    by_eventlet = environ.get("eventlet.input")
    return by_eventlet.get_socket() if by_eventlet is not None else None


def _ignore(_status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], None]:
    return _no_write


def _no_write(_data: bytes) -> None:
    return


def _consume(answer: Iterable[bytes]) -> None:
    for _part in answer:
        continue
    close = getattr(answer, "close", None)
    if close is not None:
        close()


def told(folder: Path) -> dict[str, Any]:
    """Return the settings of the lab that services look at."""
    try:
        return dict(json.loads((folder / "settings.json").read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}

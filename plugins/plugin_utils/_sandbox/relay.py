# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only way out of the sandbox: an HTTP proxy on a Unix socket, run outside of it.

It lets through SSH to the hosts of the infrastructure, and HTTP(S) to public addresses. Everything else, above all the
controller itself, its neighbours and the metadata services of clouds, is refused.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import select
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import urlsplit

from ...module_utils._hosts.reach import is_public

_REQUEST = re.compile(rb"^([A-Z]{3,10}) (\S{1,4096}) (HTTP/1\.[01])\r\n")
_WEB_PORTS = (80, 443)
_MOST_HEADERS = 64 * 1024
_CONNECT_SECONDS = 20
_IDLE_SECONDS = 600
Resolve = Callable[[str, int], list[str]]


def resolve(name: str, port: int) -> list[str]:
    """Return the addresses of a name. Raises OSError."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


class Asked(Protocol):
    """Says which address a request may be connected to."""

    def address(self, name: str, port: int) -> str:
        """Return the address. Raises PermissionError with a sentence, or OSError."""


class Policy:
    """Says which address a request may be connected to.

    `hosts` are the addresses of the infrastructure, each with the port of its SSH server.
    """

    def __init__(self, hosts: Iterable[tuple[str, int]], names: Resolve = resolve) -> None:
        self._hosts = {(str(ipaddress.ip_address(address)), port) for address, port in hosts if address}
        self._resolve = names

    def address(self, name: str, port: int) -> str:
        """Return the address to connect to. Raises PermissionError with a sentence, or OSError.

        A name is resolved here, once, and the connection goes to what was checked: a second answer of the name server
        changes nothing.
        """
        name = name.strip("[]")
        if (name, port) in self._hosts:
            return name
        if port not in _WEB_PORTS:
            raise PermissionError(
                f"port {port} of {name} is not reached from recipes, only SSH of own hosts and HTTP(S)"
            )
        for address in self._resolve(name, port):
            if not is_public(address):
                raise PermissionError(f"{name} ({address}) is not a public address")
            return address
        raise OSError(f"{name} has no address")


class Relay:
    """Serves the socket `path` until it is closed; with an empty path a free port of the loopback device, at `url`."""

    def __init__(self, path: str, policy: Asked) -> None:
        self.path, self._policy = path, policy
        self.refused: list[str] = []
        self._server = socket.socket(socket.AF_UNIX if path else socket.AF_INET, socket.SOCK_STREAM)
        self._server.bind(path or ("127.0.0.1", 0))
        self.url = "" if path else f"http://127.0.0.1:{self._server.getsockname()[1]}"
        if path:
            os.chmod(path, 0o600)
        self._server.listen(128)
        self._thread = threading.Thread(target=self._serve, name="relay", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving and remove the socket."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(timeout=2)
        if self.path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def _handle(self, client: socket.socket) -> None:
        with client:
            try:
                head = _read_head(client)
                method, target, first, rest = _parse(head)
                name, port = _destination(method, target)
                server = socket.create_connection((self._policy.address(name, port), port), _CONNECT_SECONDS)
            except PermissionError as error:
                self.refused.append(str(error))
                _answer(client, 403, str(error))
            except (OSError, ValueError) as error:
                _answer(client, 502, str(error))
            else:
                with server:
                    if method == "CONNECT":
                        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    else:
                        server.sendall(first + rest)
                    _pump(client, server)


def _read_head(client: socket.socket) -> bytes:
    client.settimeout(_CONNECT_SECONDS)
    head = b""
    while b"\r\n\r\n" not in head:
        part = client.recv(4096)
        if not part or len(head) > _MOST_HEADERS:
            raise ValueError("this is not a request to a proxy")
        head += part
    return head


def _parse(head: bytes) -> tuple[str, str, bytes, bytes]:
    """Return method, target, the first line as a server wants it, and the rest; one request a connection."""
    match = _REQUEST.match(head)
    if match is None:
        raise ValueError("this is not a request to a proxy")
    method, target, version = match.group(1).decode(), match.group(2).decode("ascii", "replace"), match.group(3)
    rest = head[match.end() :]
    if method == "CONNECT":
        return method, target, b"", rest
    parts = urlsplit(target)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    first = method.encode() + b" " + path.encode() + b" " + version + b"\r\nConnection: close\r\n"
    return method, target, first, re.sub(rb"(?im)^(proxy-)?connection:[^\r\n]*\r\n", b"", rest)


def _destination(method: str, target: str) -> tuple[str, int]:
    if method == "CONNECT":
        name, _colon, port = target.rpartition(":")
        if not name or not port.isdigit():
            raise ValueError("CONNECT wants name:port")
        return name, int(port)
    parts = urlsplit(target)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("only http:// addresses are asked for in this way")
    return parts.hostname, parts.port or 80


def _answer(client: socket.socket, status: int, reason: str) -> None:
    text = "".join(character for character in reason if character.isprintable()).encode()
    with contextlib.suppress(OSError):
        client.sendall(b"HTTP/1.1 %d Refused\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text))


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Copy in both directions until both ends are done, or nothing comes for a long time."""
    for end in (one, other):
        end.settimeout(None)
    targets = {one: other, other: one}
    open_ends = {one, other}
    while open_ends:
        ready, _writable, _errors = select.select(list(open_ends), [], [], _IDLE_SECONDS)
        if not ready:
            return
        for end in ready:
            try:
                data = end.recv(65536)
                if data:
                    targets[end].sendall(data)
                    continue
                targets[end].shutdown(socket.SHUT_WR)
            except OSError:
                return
            open_ends.discard(end)

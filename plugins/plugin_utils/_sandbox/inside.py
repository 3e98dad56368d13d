# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the sandbox, as a program of its own: it imports nothing of the project.

inside.py run COMMAND ...      offers the relay as an HTTP proxy on the loopback device, and runs the command
inside.py connect HOST PORT    joins standard input and output to HOST:PORT by the relay (ProxyCommand of ssh), for a
                               host behind another one by SSH through that one
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import threading
from typing import Any

SOCKET = "/continuum/relay.sock"
PROXY_PORT = 3128
# {"ssh": [words], "jumps": {address: name}}: which hosts are reached through which other one, and how to run ssh.
JUMPS = "/continuum/run/jumps.json"


def main(words: list[str]) -> int:
    """Run one of the two; the exit code is that of the command."""
    if len(words) >= 2 and words[0] == "run":
        listener = socket.create_server(("127.0.0.1", PROXY_PORT), backlog=128)
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        return subprocess.run(words[1:], check=False).returncode
    if len(words) == 3 and words[0] == "connect":
        through = jump_command(words[1], words[2])
        if through:
            return subprocess.run(through, check=False).returncode
        return _connect(words[1], words[2])
    sys.stderr.write(f"{__doc__}\n")
    return 2


def jump_command(host: str, port: str, path: str = JUMPS) -> list[str]:
    """Return the command that joins its standard streams to a host behind another one; [] for all other hosts."""
    try:
        with open(path, encoding="utf-8") as file:
            known = json.load(file)
    except OSError:
        return []
    name = known["jumps"].get(host)
    return [*known["ssh"], "-W", f"[{host}]:{port}", name] if name else []


def _relay() -> socket.socket:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    end.connect(SOCKET)
    return end


def _serve(listener: socket.socket) -> None:
    while True:
        client, _address = listener.accept()
        threading.Thread(target=_join, args=(client,), daemon=True).start()


def _join(client: socket.socket) -> None:
    with client, _relay() as relay:
        targets = {client: relay, relay: client}
        while targets:
            ready, _writable, _errors = select.select(list(targets), [], [])
            for end in ready:
                other = relay if end is client else client
                try:
                    data = end.recv(65536)
                    if data:
                        other.sendall(data)
                        continue
                    other.shutdown(socket.SHUT_WR)
                except OSError:
                    return
                del targets[end]


def _connect(host: str, port: str) -> int:
    with _relay() as relay:
        relay.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            part = relay.recv(1)
            if not part:
                break
            head += part
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            sys.stderr.write(f"the sandbox lets nothing through to {host}:{port}\n")
            return 1
        _copy_standard_streams(relay)
    return 0


def _copy_standard_streams(relay: socket.socket) -> None:
    sources: list[Any] = [0, relay]
    while relay in sources:
        ready, _writable, _errors = select.select(sources, [], [])
        if relay in ready:
            data = relay.recv(65536)
            if not data:
                return
            _write_all(data)
        if 0 in ready:
            data = os.read(0, 65536)
            if data:
                relay.sendall(data)
            else:
                relay.shutdown(socket.SHUT_WR)
                sources.remove(0)


def _write_all(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

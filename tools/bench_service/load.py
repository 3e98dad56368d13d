# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the benchmark, in a process of its own: kept connections, each with one request under way.

Usage: load.py requests|streams, with `{host, port, connections, warm, seconds, requests}` as JSON on one line of
standard input. `requests` are whole requests; connections take them in turn. It prints one line of JSON. `streams`
opens one connection for each request and reads, until standard input ends, what the service tells.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PATIENCE = 30.0


@dataclass
class Connection:
    """A kept connection and what has come of the present answer."""

    link: socket.socket
    sent: float = 0.0
    come: bytearray = field(default_factory=bytearray)
    wanted: int = 0

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.come.clear()
        self.wanted = 0
        self.sent = time.perf_counter()
        self.link.sendall(request)

    def receive(self) -> bool:
        """Read what is there; true when the answer is complete."""
        data = self.link.recv(262144)
        if not data:
            raise ConnectionError("the service has closed a connection")
        self.come += data
        if not self.wanted:
            end = self.come.find(b"\r\n\r\n")
            if end < 0:
                return False
            length = _LENGTH.search(self.come, 0, end)
            self.wanted = end + 4 + int(length.group(1) if length else 0)
        return len(self.come) >= self.wanted


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ask(plan: dict[str, Any], requests: Sequence[bytes]) -> dict[str, Any]:
    """Send requests until the time is over; return what was measured after the warming up."""
    poll = selectors.DefaultSelector()
    for number in range(plan["connections"]):
        link = socket.create_connection((plan["host"], plan["port"]), timeout=_PATIENCE)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(link)
        poll.register(link, selectors.EVENT_READ, connection)
        connection.send(requests[number % len(requests)])
    asked, begin = plan["connections"], time.perf_counter() + plan["warm"]
    end, taken, wrong = begin + plan["seconds"], [], 0
    cpu = time.process_time()
    while (at := time.perf_counter()) < end:
        for key, _mask in poll.select(_PATIENCE):
            connection = key.data
            if not connection.receive():
                continue
            at = time.perf_counter()
            if at >= begin:
                taken.append(at - connection.sent)
                wrong += not connection.come.startswith(b"HTTP/1.1 2")
            connection.send(requests[asked % len(requests)])
            asked += 1
    ordered = sorted(taken) or [0.0]
    found = {name: percentile(ordered, share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))}
    rate = len(taken) / (time.perf_counter() - begin)
    done = asked - plan["connections"]
    return {"requests": done, "rate": rate, **found, "wrong": wrong, "client_cpu": time.process_time() - cpu}


def follow(plan: dict[str, Any], requests: Sequence[bytes]) -> dict[str, Any]:
    """Keep streams open until standard input ends; return how many events came, and how late."""
    poll = selectors.DefaultSelector()
    poll.register(sys.stdin, selectors.EVENT_READ)
    for request in requests:
        link = socket.create_connection((plan["host"], plan["port"]), timeout=_PATIENCE)
        link.sendall(request)
        poll.register(link, selectors.EVENT_READ, (link, bytearray()))
    print("open", flush=True)
    late, refused, open_links = [], 0, True
    while open_links:
        for key, _mask in poll.select(_PATIENCE):
            if key.fileobj is sys.stdin:
                open_links = bool(os.read(0, 1024))
                continue
            link, text = key.data
            data = link.recv(65536)
            if not data:
                poll.unregister(link)
            text += data
            late += [time.time() - float(sent) for sent in re.findall(rb"sent (\d+\.\d+)\"}\n\n", text)]
            refused += text.startswith(b"HTTP/1.1 503") and not data
            del text[: text.rfind(b"\n\n") + 1]
    return {"events": len(late), "refused": refused, "late": percentile(sorted(late) or [0.0], 0.95)}


def main() -> int:
    """Do what is asked for."""
    plan = json.loads(os.read(0, 4_000_000) if sys.argv[1] == "streams" else sys.stdin.readline())
    requests = [text.encode() for text in plan["requests"]]
    print(json.dumps((follow if sys.argv[1] == "streams" else ask)(plan, requests)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replay recorded exchanges with the Infrastructure Manager against this service, and compare.

    python tools/replay_golden.py [--golden ../shared/golden] [--verbose]

Starts the service with the simulated cloud on a port of its own, sends what was recorded, and prints each exchange as
same, better (with the name of its line in docs/service/differences.md) or wrong. The exit code is 1 when one is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tools.golden_rules import Answer, Request, compare  # noqa: E402

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_EXCHANGE = re.compile(r"^=== HTTP exchange \d+: (request|response)\n", re.MULTILINE)
_START_SECONDS = 90.0
_SETTLE_SECONDS = 30.0


@dataclass(frozen=True)
class Exchange:
    """One recorded request and its answer."""

    file: str
    request: Request
    answer: Answer


@dataclass
class Replay:
    """Sends recorded requests; `ids` maps recorded ids of infrastructures to ours."""

    address: str
    ids: dict[str, str] = field(default_factory=dict)

    def send(self, exchange: Exchange) -> Answer:
        """Return our answer to a recorded request."""
        recorded = exchange.request
        path, body = self._mine(recorded.path), self._mine(recorded.body.decode("utf-8", "replace")).encode()
        headers = {key: value for key, value in recorded.headers.items() if key not in ("host", "content-length")}
        self._settle(path, headers)
        found = self._call(recorded.method, path, headers, body if recorded.body else b"")
        self._learn(exchange.answer, found)
        return found

    def _mine(self, text: str) -> str:
        return _UUID.sub(lambda match: self.ids.get(match.group(), match.group()), text)

    def _learn(self, recorded: Answer, found: Answer) -> None:
        theirs, ours = (_created(answer) for answer in (recorded, found))
        if theirs and ours:
            self.ids.setdefault(theirs, ours)

    def _settle(self, path: str, headers: dict[str, str]) -> None:
        """Wait until an infrastructure does nothing any more."""
        match = re.match(r"/infrastructures/([0-9a-f-]{36})", path)
        if match is None or match.group(1) not in self.ids.values():
            return
        own = {"Authorization": headers.get("authorization", "")}
        end = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < end:
            found = self._call("GET", f"/infrastructures/{match.group(1)}/state", own, b"")
            if found.status != 200:
                return
            state = json.loads(found.body)["state"]
            if not {"pending", "running", "deleting"} & {state["state"], *state["vm_states"].values()}:
                return
            time.sleep(0.1)

    def _call(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        host, _colon, port = self.address.removeprefix("http://").partition(":")
        link = http.client.HTTPConnection(host, int(port), timeout=120)
        try:
            link.putrequest(method, path, skip_accept_encoding=True)
            for key, value in headers.items():
                link.putheader(key, value)
            if body or method in ("POST", "PUT"):
                link.putheader("Content-Length", str(len(body)))
            link.endheaders(body or None)
            found = link.getresponse()
            text = found.read().decode("utf-8", "replace")
            return Answer(found.status, {key.lower(): value for key, value in found.getheaders()}, text)
        finally:
            link.close()


def _created(answer: Answer) -> str:
    if "infid" in answer.headers:
        return answer.headers["infid"]
    found = _UUID.findall(answer.body)
    return found[0] if answer.status == 200 and len(found) == 1 and len(answer.body) < 120 else ""


def read_exchanges(folder: Path) -> Iterator[Exchange]:
    """Yield what was recorded, in order."""
    for file in sorted(folder.glob("*.txt")):
        parts = _EXCHANGE.split(file.read_text(encoding="utf-8", errors="replace"))
        pairs = list(zip(parts[1::2], parts[2::2], strict=True))
        for (_kind, asked), (_other, answered) in zip(pairs[::2], pairs[1::2], strict=False):
            yield Exchange(file.stem, _read_request(asked), _read_answer(answered))


def _read_request(text: str) -> Request:
    head, _blank, body = text.partition("\n\n")
    first, *lines = head.splitlines()
    method, path, _version = first.split(" ", 2)
    headers = _headers(lines)
    length = int(headers.get("content-length", "0"))
    return Request(method, path, headers, body.encode()[:length] if length else b"")


def _read_answer(text: str) -> Answer:
    head, _blank, body = text.partition("\n\n")
    first, *lines = head.splitlines()
    headers = _headers(lines)
    length = int(headers.get("content-length", len(body.encode())))
    return Answer(int(first.split()[1]), headers, body.encode()[:length].decode("utf-8", "replace"))


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines)
    return {key.strip().lower(): value.strip() for key, _colon, value in pairs if key.strip()}


@contextlib.contextmanager
def running_service(home: Path) -> Iterator[str]:
    """Give the address of a service with the simulated cloud; it is ended afterwards."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "collections")]),
        "CONTINUUM_HOME": str(home),
        "CONTINUUM_BIND": "127.0.0.1:0",
        "CONTINUUM_DUMMY_CLOUD": "true",
        "CONTINUUM_DUMMY_DELAY": "0",
        "CONTINUUM_DEFAULT_CLOUD": "",
        "CONTINUUM_TRUSTED_PROXIES": "1",
        "CONTINUUM_POLL_SECONDS": "0.05",
        "CONTINUUM_LOG_LEVEL": "INFO",
    }
    log = home / "log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "service", "serve"]
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=ROOT, start_new_session=True)
        try:
            yield _address(process, log)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        match = re.search(r'"address": "(http://[^"]+)"', log.read_text(errors="replace"))
        if match is not None and _answers(match.group(1)):
            return match.group(1)
        time.sleep(0.2)
    raise RuntimeError("the service did not start:\n" + log.read_text(errors="replace")[-2000:])


def _answers(address: str) -> bool:
    try:
        return Replay(address)._call("GET", "/version", {}, b"").status == 200
    except OSError:
        return False


def replay(folder: Path, verbose: bool = False) -> Counter[str]:
    """Replay everything; print each exchange; return how many were same, better and wrong."""
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="golden-") as home, running_service(Path(home)) as address:
        player = Replay(address)
        for exchange in read_exchanges(folder):
            found = player.send(exchange)
            verdict, why = compare(exchange.file, exchange.request, exchange.answer, found, player.ids)
            counts[verdict] += 1
            print(f"{verdict:6} {exchange.file}: {exchange.request.method} {exchange.request.path} {why}".rstrip())
            if verdict == "wrong" or verbose:
                print(f"       recorded {exchange.answer.status}: {exchange.answer.body[:600]!r}")
                print(f"       ours     {found.status}: {found.body[:600]!r}")
    return counts


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--golden", type=Path, default=ROOT.parent / "shared" / "golden", help="folder of the records")
    parser.add_argument("--verbose", action="store_true", help="print all answers")
    chosen = parser.parse_args()
    if not chosen.golden.is_dir():
        print(f"There are no recorded exchanges in {chosen.golden}: nothing was replayed.")
        return 0
    counts = replay(chosen.golden, chosen.verbose)
    print(f"{counts.total()} exchanges: {counts['same']} same, {counts['better']} better, {counts['wrong']} wrong")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench-service`: requests a second, latency, CPU time and memory of the REST service, on this machine.

One service (simulated cloud, SQLite, a home of its own), three times in one run: with five infrastructures, with 1,000
of them and 100,000 events, and the same with 64 open event streams. Ratios are between these, so that they mean
something on a machine that does something else, too; so does the CPU time of a request.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REPOSITORY = Path(__file__).resolve().parent.parent
FILES = REPOSITORY / "tools" / "bench_service"
sys.path[:0] = [str(REPOSITORY / "collections"), str(REPOSITORY), str(FILES)]

from seed import seed, tell  # noqa: E402
from service.config import Config  # noqa: E402
from service.db.engine import make_engine, read_scope  # noqa: E402
from service.db.models import Event  # noqa: E402
from service.infrastructures.context import Service  # noqa: E402
from sqlalchemy import func, select  # noqa: E402

ENDPOINTS = ("version", "list", "state", "vm info", "create (dry run)")
CONNECTIONS = (8, 64)
STREAMS = 64
OWN = 5
USER, OPERATOR = "bench", "operator"
TEMPLATE = """tosca_definitions_version: tosca_simple_yaml_1_0
metadata: {display_name: bench}
topology_template:
  node_templates:
    front:
      type: tosca.nodes.indigo.Compute
      capabilities:
        endpoint: {properties: {network_name: PUBLIC}}
        host: {properties: {num_cpus: 2, mem_size: 4 GB}}
        os: {properties: {type: linux, distribution: debian, version: 12}}
    worker:
      type: tosca.nodes.indigo.Compute
      capabilities:
        scalable: {properties: {count: 2}}
        host: {properties: {num_cpus: 1, mem_size: 1 GB}}
        os: {properties: {type: linux, distribution: debian, version: 12}}
  outputs:
    address: {value: {get_attribute: [front, public_address, 0]}}
"""
# None of them is sent twice while the service remembers it.
BODIES = 200
_TICKS = os.sysconf("SC_CLK_TCK")


def records(user: str) -> list[dict[str, str]]:
    """Return the credentials of a user."""
    own = {"type": "InfrastructureManager", "username": user, "password": f"the password of {user}"}
    return [{"id": "dummy", "type": "Dummy"}, own]


@dataclass
class Site:
    """The service in processes of its own."""

    home: Path
    process: subprocess.Popen[bytes]
    address: str

    def request(self, method: str, path: str, user: str = USER, body: str = "", **headers: str) -> str:
        """Return the text of a request."""
        given = {"Host": urlsplit(self.address).netloc, "Authorization": json.dumps(records(user)), **headers}
        if body:
            given |= {"Content-Type": "text/yaml", "Content-Length": str(len(body.encode()))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        return "\r\n".join(lines) + f"\r\n\r\n{body}"

    def ask(self, method: str, path: str, body: str = "") -> Any:
        """Return the answer to one request, as JSON."""
        headers = {"Authorization": json.dumps(records(USER)), "Accept": "application/json"}
        headers |= {"Content-Type": "text/yaml"} if body else {}
        asked = urllib.request.Request(self.address + path, body.encode() or None, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 (ours)
            return json.load(answer)

    def pids(self) -> list[int]:
        """Return all processes of the service."""
        found, fresh = [self.process.pid], [self.process.pid]
        while fresh:
            path = Path(f"/proc/{fresh.pop()}/task")
            for file in path.glob("*/children"):
                with contextlib.suppress(OSError):
                    fresh += (children := [int(pid) for pid in file.read_text().split()])
                    found += children
        return found

    def cpu(self) -> float:
        """Return the CPU seconds of all processes so far."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
                total += sum(int(word) for word in stat.rpartition(") ")[2].split()[11:13])
        return total / _TICKS

    def memory(self) -> dict[str, float]:
        """Return resident memory in MB: of each process added up, and with what they share counted once."""
        found = {"processes": 0.0, "rss": 0.0, "pss": 0.0}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
                found["processes"] += 1
                for name in ("Rss", "Pss"):
                    match = re.search(rf"^{name}: +(\d+) kB", text, re.MULTILINE)
                    found[name.lower()] += int(match.group(1)) / 1024 if match else 0
        return found


@contextlib.contextmanager
def running(home: Path) -> Iterator[Site]:
    """Give the service; it ends afterwards."""
    log = home.with_name("log")
    environment = {
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'collections'}",
        "CONTINUUM_HOME": str(home),
        "CONTINUUM_BIND": "127.0.0.1:0",
        "CONTINUUM_DUMMY_CLOUD": "1",
        "CONTINUUM_DUMMY_DELAY": "0",
        "CONTINUUM_RATE_PER_USER": "0",
        "CONTINUUM_RATE_PER_ADDRESS": "0",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve"],
            env={**os.environ, **environment},
            cwd=REPOSITORY,
            stdout=file,
            stderr=file,
        )
    try:
        yield Site(home, process, _address(process, log))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        match = re.search(r'"address": "(http://[^"]+)"', log.read_text(errors="replace"))
        if match is not None:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{match.group(1)}/version", timeout=30).close()  # noqa: S310 (ours)
                return match.group(1)
        time.sleep(0.2)
    raise SystemExit(log.read_text(errors="replace"))


def helper(site: Site, mode: str, requests: Sequence[str], **more: Any) -> tuple[subprocess.Popen[str], str]:
    """Start the client in a process of its own; return it, with the line that it wants to read."""
    place = urlsplit(site.address)
    process = subprocess.Popen(
        [sys.executable, str(FILES / "load.py"), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, json.dumps({"host": place.hostname, "port": place.port, "requests": requests, **more}) + "\n"


@dataclass
class Bench:
    """What is measured, and what was found."""

    site: Site
    seconds: float
    keys: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)
    memory: dict[str, dict[str, float]] = field(default_factory=dict)
    _bodies: int = 0

    def phase(self, name: str, extra: bool = False) -> None:
        """Measure all endpoints; `extra`: also a list of everything."""
        for endpoint in (*ENDPOINTS, *(("list of all",) if extra else ())):
            for connections in CONNECTIONS:
                self._measure(name, endpoint, connections)
        self.memory[name] = self.site.memory()

    def _requests(self, endpoint: str) -> list[str]:
        site, key = self.site, self.keys[0]
        if endpoint == "create (dry run)":
            self._bodies += 1
            bodies = [f"# {self._bodies}.{number}\n{TEMPLATE}" for number in range(BODIES)]
            return [site.request("POST", "/infrastructures?dry_run=1", body=body) for body in bodies]
        if endpoint == "list of all":
            return [site.request("GET", "/infrastructures", OPERATOR)]
        paths = {
            "version": "/version",
            "list": "/infrastructures",
            "state": f"/infrastructures/{key}/state",
            "vm info": f"/infrastructures/{key}/vms/0",
        }
        return [site.request("GET", paths[endpoint])]

    def _measure(self, phase: str, endpoint: str, connections: int) -> None:
        plan = {"connections": connections, "warm": min(1.0, self.seconds / 3), "seconds": self.seconds}
        process, line = helper(self.site, "requests", self._requests(endpoint), **plan)
        before = self.site.cpu()
        found = json.loads(process.communicate(line, timeout=300)[0])
        cpu = (self.site.cpu() - before) / max(1, found["requests"])
        row = {"phase": phase, "endpoint": endpoint, "connections": connections, "cpu": cpu, **found}
        self.rows.append(row)
        print(
            f"{phase:8} {endpoint:17} {connections:3} connections {found['rate']:8.0f} /s   "
            + "".join(f"{name} {found[name] * 1000:7.1f} ms  " for name in ("p50", "p95", "p99"))
            + f" {cpu * 1000:6.2f} CPU ms"
            + (f"   {found['wrong']} WRONG" if found["wrong"] else ""),
            flush=True,
        )

    def ratios(self) -> None:
        """Print what seeding and streams change."""
        by_key = {(row["phase"], row["endpoint"], row["connections"]): row for row in self.rows}
        for later, earlier in (("seeded", "empty"), ("streams", "seeded")):
            for endpoint in ENDPOINTS:
                for connections in CONNECTIONS:
                    one, two = (by_key[(phase, endpoint, connections)] for phase in (later, earlier))
                    names = ("rate", "p50", "p95", "cpu")
                    parts = [f"{name} {one[name] / max(two[name], 1e-6):5.2f}" for name in names]
                    print(f"{later} / {earlier}: {endpoint:17} {connections:3} connections  {'  '.join(parts)}")


@contextlib.contextmanager
def streams(site: Site, engine: Any, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Keep streams open, in which ten events a second come; the mapping is filled at the end."""
    found: dict[str, Any] = {}
    with read_scope(engine) as session:
        last = session.scalar(select(func.max(Event.id)))
    requests = [
        site.request("GET", f"/infrastructures/{key}/events?after={last}", OPERATOR, Accept="text/event-stream")
        for key in keys
    ]
    process, line = helper(site, "streams", requests)
    if process.stdin is None or process.stdout is None:
        raise TypeError
    process.stdin.write(line)
    process.stdin.flush()
    process.stdout.readline()
    over, told = threading.Event(), [0]

    def tell_all() -> None:
        while not over.wait(0.1):
            tell(engine, keys[told[0] % len(keys)])
            told[0] += 1

    thread = threading.Thread(target=tell_all)
    before, at = site.cpu(), time.monotonic()
    time.sleep(5)
    found["idle_cpu"] = (site.cpu() - before) / (time.monotonic() - at)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        time.sleep(3)
        found |= json.loads(process.communicate(timeout=60)[0]) | {"open": len(keys), "told": told[0]}


def prepared(site: Site) -> list[str]:
    """Make the user's infrastructures through the service; return their ids."""
    for _number in range(OWN):
        site.ask("POST", "/infrastructures?async=1", TEMPLATE)
    keys = [item["uri"].rpartition("/")[2] for item in site.ask("GET", "/infrastructures")["uri-list"]]
    end = time.monotonic() + 300
    while any(site.ask("GET", f"/infrastructures/{key}/state")["state"]["state"] != "configured" for key in keys):
        if time.monotonic() > end:
            raise SystemExit("the infrastructures of the benchmark are not configured")
        time.sleep(0.5)
    return keys


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--infrastructures", type=int, default=1000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--json", default="", help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-service-") as folder, running(Path(folder) / "home") as site:
        config = Config.load({"CONTINUUM_HOME": str(site.home)})
        engine = make_engine(config)
        operator = Service.of(config, engine).identities.owner(records(OPERATOR)[1])
        bench = Bench(site, arguments.seconds, prepared(site))
        bench.phase("empty")
        begun = time.monotonic()
        everybody = seed(engine, bench.keys[-1], bench.keys[0], operator, arguments.infrastructures, arguments.events)
        seconds = time.monotonic() - begun
        print(f"{len(everybody)} infrastructures, {arguments.events} events: seeded in {seconds:.1f} s", flush=True)
        bench.phase("seeded", extra=True)
        with streams(site, engine, everybody[:STREAMS]) as followed:
            bench.phase("streams")
        bench.ratios()
        engine.dispose()
    for name, memory in bench.memory.items():
        text = "{0:8} {processes:.0f} processes, {rss:.0f} MB resident, {pss:.0f} MB with what they share counted once"
        print(text.format(name, **memory))
    print("{open} streams: {refused} refused, {events} of {told} events came, 95 of 100 within {late:.2f} s; "
          "alone {idle_cpu:.2f} CPU s a second".format(**followed))  # fmt: skip
    if arguments.json:
        text = json.dumps({"rows": bench.rows, "memory": bench.memory, "streams": followed}, indent=2)
        Path(arguments.json).write_text(text + "\n", encoding="utf-8")
    return 1 if any(row["wrong"] for row in bench.rows) else 0


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: python -m lab.aws serve."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from . import images
from .account import HOME
from .hosts import Hosts
from .place import PREFIX, PUBLIC, Place
from .server import Lab, serve
from .settings import Settings


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal, or the end of the standard input, says to end."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="lab.aws: %(message)s")
    logging.getLogger("lab.aws").setLevel(logging.INFO)
    state = options.state or Path(tempfile.mkdtemp(prefix="lab-aws-"))
    images.prepare(state.resolve())
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_arguments: ended.set())
    if options.until_eof:
        threading.Thread(target=_wait_for_eof, args=(ended,), daemon=True).start()
    _serve(options, state.resolve(), ended)
    return 0


def _serve(options: argparse.Namespace, state: Path, ended: threading.Event) -> None:
    settings = Settings(pending_seconds=options.pending_seconds)
    if options.no_hosts:
        network = next(PUBLIC.subnets(new_prefix=PREFIX))
        _run(options, Lab(network, state, settings), ended, "127.0.0.1")
        return
    place = Place.take(state)
    try:
        hosts = Hosts(place, state, settings)
        lab = Lab(place.network, state, settings, hosts)
        hosts.start(lab.clock)
        try:
            hosts.prepare()
            _run(options, lab, ended, place.machine)
        finally:
            hosts.stop()
    finally:
        place.leave()


def _run(options: argparse.Namespace, lab: Lab, ended: threading.Event, machine: str) -> None:
    server, port = serve(lab, options.port)
    endpoint = f"http://127.0.0.1:{port}"
    print(json.dumps({"endpoint": endpoint, "environment": environment(endpoint), "machine": machine}), flush=True)
    if sys.stdout.isatty():
        print(f"# To use it:\nexport {' '.join(f'{key}={value}' for key, value in environment(endpoint).items())}")
        print("# Ctrl-C ends it and removes all that it made.", flush=True)
    ended.wait()
    server.shutdown()


def environment(endpoint: str) -> dict[str, str]:
    """Return the variables that lead programs to the lab."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": HOME,
        "AWS_DEFAULT_REGION": HOME,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _wait_for_eof(ended: threading.Event) -> None:
    while os.read(0, 4096):
        continue
    ended.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab.aws", description="A small AWS on this machine.")
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve until Ctrl-C")
    serve.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: a free one)")
    serve.add_argument("--no-hosts", action="store_true", help="only the API: instances are no hosts")
    serve.add_argument("--state", type=Path, help="folder for files (a new one)")
    serve.add_argument("--pending-seconds", type=float, default=1.0, help="how long changes of state take (1)")
    serve.add_argument("--until-eof", action="store_true", help="end when the standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: python -m lab.openstack serve."""

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
from types import FrameType

from ..aws.place import PREFIX, PUBLIC, Place
from . import offers
from .hosts import Hosts
from .server import Lab

_CHECK_SECONDS = 5.0


def main(argv: list[str] | None = None) -> int:
    """Serve until a signal, or the end of the standard input, says to end."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="lab.openstack: %(message)s")
    logging.getLogger("lab.openstack").setLevel(logging.INFO)
    state = (options.state or Path(tempfile.mkdtemp(prefix="lab-openstack-"))).resolve()
    ending = Ending()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, ending.signalled)
    if options.until_eof:
        threading.Thread(target=_wait_for_eof, daemon=True).start()
    _serve(options, state, ending)
    return 0


class Ending:
    """How a signal ends the lab: while it serves, in good order; before that, what is under way is broken off."""

    def __init__(self) -> None:
        self.event, self.serving = threading.Event(), False

    def signalled(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if not self.serving and not self.event.is_set():
            self.event.set()
            raise SystemExit("ended before it was ready")
        self.event.set()


def _serve(options: argparse.Namespace, state: Path, ending: Ending) -> None:
    if options.no_hosts:
        _serve_on(Lab(state, next(PUBLIC.subnets(new_prefix=PREFIX)), options.port), None, ending, "127.0.0.1")
        return
    place = Place.take(state)
    try:
        lab = Lab(state, place.network, options.port)
        hosts = Hosts(place, state, lab.settings, offers.blocks(place.network)[offers.PROVIDER])
        _serve_on(lab, hosts, ending, place.machine)
    finally:
        place.leave()


def _serve_on(lab: Lab, hosts: Hosts | None, ending: Ending, machine: str) -> None:
    try:
        lab.start(hosts)
        _run(lab, ending, machine)
    finally:
        if hosts is not None:
            hosts.end()
        lab.stop()


def _run(lab: Lab, ending: Ending, machine: str) -> None:
    ending.serving = True
    announced = {"endpoint": lab.endpoint, "environment": lab.environment(), "machine": machine}
    print(json.dumps(announced), flush=True)
    if sys.stdout.isatty():
        print(f"# To use it:\nexport {' '.join(f'{key}={value}' for key, value in lab.environment().items())}")
        print("# Ctrl-C ends it and removes all that it made.", flush=True)
    while not ending.event.wait(_CHECK_SECONDS):
        lab.check()


def _wait_for_eof() -> None:
    while os.read(0, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab.openstack", description="A small OpenStack on this machine.")
    commands = parser.add_subparsers(required=True)
    serve = commands.add_parser("serve", help="serve until Ctrl-C")
    serve.add_argument(
        "--port", type=int, default=0, help="port of the lab's own interface on 127.0.0.1 (0: a free one)"
    )
    serve.add_argument("--no-hosts", action="store_true", help="only the API: servers are no hosts")
    serve.add_argument("--state", type=Path, help="folder for files (a new one)")
    serve.add_argument("--until-eof", action="store_true", help="end when the standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one project of OpenStack in this process, all its services together: python -m lab.openstack.inside.serve nova

What services say to each other stays in the process (oslo.messaging's fake transport), so that no message broker is
needed. The sockets come from the lab, which listens before this process starts: clients wait instead of failing.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import socket
import sys
import traceback
from typing import Any

from . import control
from .gate import Application, Gate

_THREADS = 12
_PR_SET_PDEATHSIG = 1
_TYPES = {"keystone": "identity", "glance": "image", "neutron": "network", "nova": "compute", "cinder": "volume"}


def main() -> None:
    """Serve until a signal ends the process."""
    name = sys.argv[1]
    # The services read the command line themselves.
    sys.argv = [name]
    signal.signal(signal.SIGTERM, _end)
    _end_with_parent()
    try:
        importlib.import_module(f"{__package__}.{name}").run()
    except BaseException:
        traceback.print_exc()
    # Threads of a service that did not start would keep the process.
    os._exit(1)


def _end(_number: int, _frame: Any) -> None:
    os._exit(0)


def _end_with_parent() -> None:
    """Let the kernel end this process when the lab is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def config_folder(name: str) -> str:
    """Return the folder with the configuration of a project."""
    return f"{control.settings()['etc']}/{name}"


def gate(application: Application, name: str) -> Application:
    """Return an application with the gate before it; placement has none, users do not call it."""
    if name not in _TYPES:
        return application
    return Gate(application, _TYPES[name], int(control.settings()["public"]))


def sockets() -> list[socket.socket]:
    """Return the sockets that the lab made: for users, and for other services."""
    return [socket.socket(fileno=int(number)) for number in control.settings()["sockets"]]


def http(application: Application, name: str) -> None:
    """Serve an application with threads; does not return."""
    from waitress import create_server

    server = create_server(
        gate(application, name),
        sockets=sockets(),
        threads=_THREADS,
        ident=name,
        channel_timeout=300,
        connection_limit=800,
        clear_untrusted_proxy_headers=False,
        max_request_body_size=1 << 40,
    )
    server.run()


if __name__ == "__main__":
    main()

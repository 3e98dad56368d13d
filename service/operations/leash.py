# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one command so that nothing of it outlives the one who wants it.

    python -I -S leash.py PARENT ENVIRONMENT MARK COMMAND...

PARENT is the number of the process that must live on, ENVIRONMENT a file with more variables as JSON (secrets: they
are not in the command line, and the file is in the memory of the parent), MARK what its processes carry. When the
parent dies, or SIGTERM comes, everything with the mark is ended. The exit code is that of the command, 128 + signal
when a signal ended it. Only the standard library: it starts in no time.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import signal
import subprocess
import sys
import types
from typing import Any

_PR_SET_PDEATHSIG = 1
_GRACE = 10.0


def die_with_parent(number: int) -> None:
    """Ask the kernel for a signal when the parent ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def _processes() -> Any:
    """Load the module beside this file; its folder must not become a place for imports."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "processes.py")
    spec = importlib.util.spec_from_file_location("leash_processes", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class _Asked(Exception):  # noqa: N818 (no error)
    """SIGTERM came."""


def main(arguments: list[str]) -> int:
    """Run the command."""
    parent, environment, mark, *command = arguments
    die_with_parent(signal.SIGTERM)
    signal.signal(signal.SIGTERM, _ask)
    signal.signal(signal.SIGINT, _ask)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    name, _equals, value = mark.partition("=")
    code = 128 + signal.SIGTERM
    try:
        if os.getppid() != int(parent):
            raise _Asked
        with open(environment, encoding="utf-8") as file:
            more = json.load(file)
        child = subprocess.Popen(
            command,
            env={**os.environ, **more, name: value},
            preexec_fn=lambda: die_with_parent(signal.SIGKILL),
        )
        del more
        ended = child.wait()
        code = ended if ended >= 0 else 128 - ended
        if code < 128:
            return code
    except _Asked:
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    alive = os.getppid() == int(parent)
    _processes().end_marked(name, value, grace=_GRACE if alive and code == 128 + signal.SIGTERM else 0.0)
    return code


def _ask(_number: int, _frame: types.FrameType | None) -> None:
    raise _Asked


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

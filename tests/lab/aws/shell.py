# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs of the machine."""

from __future__ import annotations

import logging
import subprocess

_LOG = logging.getLogger("lab.aws")
SECONDS = 120


class ShellError(Exception):
    """A program failed; the message is what it said."""


def run(*words: str, text: str | None = None) -> str:
    """Run a program and return what it prints; raises ShellError."""
    try:
        done = subprocess.run(
            words, input=text, text=True, capture_output=True, timeout=SECONDS, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShellError(f"{words[0]}: {error}") from error
    if done.returncode:
        raise ShellError(f"{' '.join(words)[:200]}: {done.stderr.strip()[-600:] or f'exit code {done.returncode}'}")
    return done.stdout


def attempt(*words: str, text: str | None = None) -> str:
    """Run a program whose failure does not matter; return what it prints, "" when it failed."""
    try:
        return run(*words, text=text)
    except ShellError as error:
        _LOG.debug("%s", error)
        return ""

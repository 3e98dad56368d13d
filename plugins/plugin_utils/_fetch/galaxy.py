# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and collections that recipes need: installed once for each `requirements.yml`, kept in continuum's home.

Where a run may not go everywhere, ansible-galaxy and git reach the network by a relay only: roles name other roles.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import yaml

from ...module_utils._hosts.reach import NotReachable, Reach
from .._errors import Diagnostic, TemplateError
from .._sandbox.relay import Relay

_SECONDS = 600
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def galaxy_store(home: str, project: str) -> str:
    """Return the folder with `roles` and `collections` for a project, "" when it needs none."""
    try:
        with open(os.path.join(project, "requirements.yml"), "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return ""
    found = yaml.safe_load(content)
    if not isinstance(found, dict) or not any(found.values()):
        return ""
    return os.path.join(home, "cache", "galaxy", hashlib.sha256(content).hexdigest()[:32])


def install(
    home: str, project: str, galaxy: str, reach: Reach | None = None, environment: Mapping[str, str] | None = None
) -> None:
    """Bring what a project needs, if it is not there; `galaxy` is the program ansible-galaxy.

    Sources are in `reach`, None for everywhere.

    Raises `TemplateError` with what the program says.
    """
    target = galaxy_store(home, project)
    if not target or os.path.isdir(target):
        return
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(target))
    try:
        requirements = os.path.join(project, "requirements.yml")
        with _way_out(reach, environment or os.environ) as (own, refused):
            for kind in ("role", "collection"):
                words = [galaxy, kind, "install", "-r", requirements, "-p", os.path.join(folder, f"{kind}s")]
                done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_SECONDS, env=own)
                if done.returncode:
                    raise TemplateError([_problem(kind, "".join(refused[-1:]) or done.stderr or done.stdout)])
        os.replace(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Sources:
    """What the relay lets through: where templates and recipes may come from."""

    def __init__(self, reach: Reach) -> None:
        self._reach = reach

    def address(self, name: str, port: int) -> str:
        """Return the address of a name. Raises PermissionError with a sentence, or OSError."""
        try:
            return self._reach.addresses("", name.strip("[]"), port)[0]
        except NotReachable as error:
            raise PermissionError(f"{name[:100]} {error}") from None


@contextmanager
def _way_out(reach: Reach | None, environment: Mapping[str, str]) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Give the environment of a program that fetches, and a list of what it was refused.

    A proxy of the site stays what it is: it decides where its users go.
    """
    if reach is None or any(environment.get(name) for name in _PROXIES):
        yield dict(environment), []
        return
    relay = Relay("", _Sources(reach))
    try:
        proxies = dict.fromkeys(_PROXIES, relay.url) | dict.fromkeys(("no_proxy", "NO_PROXY"), "")
        # git knows more ways than the web: ssh, files, helpers.
        yield {**environment, **proxies, "GIT_ALLOW_PROTOCOL": "http:https"}, relay.refused
    finally:
        relay.close()


def _problem(kind: str, said: str) -> Diagnostic:
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "no reason given")
    hint = "Where there is no internet, name other sources in the site settings: docs/site.md."
    return Diagnostic("recipe-fetch", f"A {kind} that the recipes need cannot be installed: {last.strip()}", None, hint)

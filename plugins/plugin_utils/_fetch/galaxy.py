# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and collections that recipes need: installed once for each `requirements.yml`, kept in continuum's home."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile

import yaml

from .._errors import Diagnostic, TemplateError

_SECONDS = 600


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


def install(home: str, project: str, galaxy: str) -> None:
    """Bring what a project needs, if it is not there; `galaxy` is the program ansible-galaxy.

    Raises `TemplateError` with what the program says.
    """
    target = galaxy_store(home, project)
    if not target or os.path.isdir(target):
        return
    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=".new-", dir=os.path.dirname(target))
    try:
        requirements = os.path.join(project, "requirements.yml")
        for kind in ("role", "collection"):
            words = [galaxy, kind, "install", "-r", requirements, "-p", os.path.join(folder, f"{kind}s")]
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_SECONDS)
            if done.returncode:
                raise TemplateError([_problem(kind, done.stderr or done.stdout)])
        os.replace(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _problem(kind: str, said: str) -> Diagnostic:
    last = next((line for line in reversed(said.splitlines()) if line.strip()), "no reason given")
    hint = "Where there is no internet, name other sources in the site settings: docs/site.md."
    return Diagnostic("recipe-fetch", f"A {kind} that the recipes need cannot be installed: {last.strip()}", None, hint)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is made once and kept under the build folder: the virtual environment of the services, and a set-up OpenStack.

Several labs may start at once: one makes, the others wait. What is made takes its place at the end, so that an
interrupted making leaves nothing half done.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ..aws.shell import ShellError
from . import seed
from .layout import Layout
from .processes import bound, tail
from .runtime import Runtime

_LOG = logging.getLogger("lab.openstack")
_HERE = Path(__file__).resolve().parent
_REPOSITORY = _HERE.parents[2]
_REQUIREMENTS = _HERE / "requirements.lock"
_INSTALL_SECONDS = 1200
_KEPT_SEEDS = 2
_BUILDERS = re.compile(r"^(?:pbr|setuptools)==.*\n(?: .*\n)*", re.MULTILINE)
# What a seed depends on.
_SOURCES = ("seed.py", "configs.py", "catalogue.py", "layout.py", "database.py", "inside/bootstrap.py")
_ENTRY_POINTS = "[neutron.ml2.mechanism_drivers]\nlab_openstack = lab.openstack.inside.neutron:MechanismDriver\n"
_METADATA = "Metadata-Version: 2.1\nName: lab-openstack\nVersion: 1.0\n"


def folder() -> Path:
    """Return the folder of the cache."""
    return _REPOSITORY / "build" / "openstack"


def provide() -> tuple[Path, Path]:
    """Return the virtual environment and the seed; makes what is missing. Raises ShellError."""
    home = folder()
    home.mkdir(parents=True, exist_ok=True)
    venv = home / f"venv-{_digest(_REQUIREMENTS)}"
    ready = home / f"seed-{_digest(_REQUIREMENTS, *(_HERE / name for name in _SOURCES))}"
    with _locked(home / "lock"):
        if not (venv / "done").exists():
            _make_venv(venv)
        if not ready.exists():
            _forget_old(home)
            _make_seed(venv, ready)
    return venv, ready


def _forget_old(home: Path) -> None:
    """Remove what was interrupted, and seeds of former sources but the last few, from which labs may be starting."""
    seeds = sorted(home.glob("seed-*"), key=lambda path: path.stat().st_mtime)
    for path in [*seeds[:-_KEPT_SEEDS], *home.glob("new-*")]:
        shutil.rmtree(path, ignore_errors=True)


def _digest(*paths: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_venv(venv: Path) -> None:
    """Make it in its place, as its programs name it; it counts when `done` is there."""
    began = time.monotonic()
    _LOG.info("installing OpenStack from PyPI in %s; this takes a minute", venv)
    shutil.rmtree(venv, ignore_errors=True)
    _install(sys.executable, "-m", "venv", str(venv), log=venv.with_suffix(".log"))
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install"]
    options = ["--no-deps", "--no-compile", "--progress-bar", "off", "--require-hashes", "--no-build-isolation"]
    # Three packages come as sources: they are built with what is pinned, which must be there first.
    builders = venv / "builders.txt"
    builders.write_text("".join(_BUILDERS.findall(_REQUIREMENTS.read_text(encoding="utf-8"))), encoding="utf-8")
    for requirements in (builders, _REQUIREMENTS):
        _install(*pip, *options, "--requirement", str(requirements), log=venv.with_suffix(".log"))
    site = next((venv / "lib").glob("python*/site-packages"))
    described = site / "lab_openstack-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(_METADATA, encoding="utf-8")
    (described / "entry_points.txt").write_text(_ENTRY_POINTS, encoding="utf-8")
    (venv / "done").touch()
    _LOG.info("installed in %.0f s", time.monotonic() - began)


def _install(*words: str, log: Path) -> None:
    # A constraint of the machine may contradict the lock file.
    environment = {**os.environ, "PIP_CONSTRAINT": ""}
    with log.open("ab") as output:
        done = subprocess.run(
            bound(*words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
    if done.returncode:
        raise ShellError(f"the services could not be installed, see {log}: {tail(log)}")


def _make_seed(venv: Path, ready: Path) -> None:
    began = time.monotonic()
    _LOG.info("setting the databases up in %s; this takes two minutes or three", ready)
    new = Path(tempfile.mkdtemp(prefix="new-", dir=ready.parent))
    runtime = Runtime()
    try:
        seed.make(Layout(venv, new / "state", runtime.path), new / "seed")
        os.replace(new / "seed", ready)
    except BaseException:
        shutil.rmtree(ready.parent / "failed", ignore_errors=True)
        shutil.copytree(new / "state" / "log", ready.parent / "failed")
        _LOG.error("the logs are in %s", ready.parent / "failed")
        raise
    finally:
        runtime.remove()
        shutil.rmtree(new, ignore_errors=True)
    _LOG.info("set up in %.0f s", time.monotonic() - began)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook of this repository as AWX runs a job.

The repository is a project; a private data directory of ansible-runner is made for each job and removed afterwards,
with an empty HOME in it; extra variables are `!unsafe`; the inventory is `localhost,`; credentials are environment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
_TAKEN_OVER = ("PATH", "LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
_META = {"awx_job_launch_type": "manual", "awx_user_name": "somebody", "tower_user_name": "somebody"}


class _Unsafe(yaml.SafeDumper):
    """Writes texts of users so that Ansible takes them as they are."""


_Unsafe.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


@dataclass
class Job:
    """How a job ended: state, what it printed, its artifacts, and the files that were left below its HOME."""

    status: str
    output: str
    artifacts: dict[str, Any]
    files: dict[str, int]


def make_project(folder: Path) -> Path:
    """Return a project as AWX has it after an update: what git knows, and the collections of `requirements.yml`.

    The collection is the checkout itself; the others are those of the Python package `ansible`.
    """
    project, collections = folder / "project", folder / "requirements_collections"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (REPOSITORY / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, project / name)
    (collections / "ansible_collections" / "continuum").mkdir(parents=True)
    (collections / "ansible_collections" / "continuum" / "im").symlink_to(project)
    return project


def run_job(
    project: Path,
    playbook: str,
    variables: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    check: bool = False,
) -> Job:
    """Run a job to its end; `environment` is what credentials add."""
    with tempfile.TemporaryDirectory(prefix="awx-job-") as name:
        folder = Path(name)
        for part in ("home", "env", "artifacts"):
            (folder / part).mkdir(mode=0o700)
        (folder / "project").symlink_to(project)
        written = {**variables, **_META, "awx_job_id": 7}
        (folder / "env" / "extravars").write_text(yaml.dump(written, Dumper=_Unsafe, default_flow_style=False))
        (folder / "env" / "envvars").write_text(json.dumps(dict(_environment(folder, project, environment or {}))))
        program = Path(sys.executable).with_name("ansible-runner")
        options = "-i localhost," + (" --check --diff" if check else "")
        done = subprocess.run(
            [str(program), "run", name, "-p", playbook, "--ident", "7", "-q", f"--cmdline={options}"],
            env=_environment(folder, project, {}),
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return _read(folder, done)


def _environment(folder: Path, project: Path, more: Mapping[str, str]) -> dict[str, str]:
    base = {key: os.environ[key] for key in _TAKEN_OVER if key in os.environ}
    collections = project.parent / "requirements_collections"
    return {
        **base,
        "HOME": str(folder / "home"),
        "JOB_ID": "7",
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_FORCE_COLOR": "True",
        **more,
    }


def _read(folder: Path, done: subprocess.CompletedProcess[str]) -> Job:
    artifacts: dict[str, Any] = {}
    events = sorted((folder / "artifacts" / "7" / "job_events").glob("*.json"))
    for path in events:
        data = json.loads(path.read_text()).get("event_data") or {}
        artifacts.update(data.get("artifact_data") or {})
    status, stdout = folder / "artifacts" / "7" / "status", folder / "artifacts" / "7" / "stdout"
    text = stdout.read_text() if stdout.exists() else ""
    files = {
        str(path.relative_to(folder / "home")): path.stat().st_mode & 0o777
        for path in sorted((folder / "home").rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
    return Job(status.read_text() if status.exists() else "error", text + done.stdout + done.stderr, artifacts, files)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Key pairs and generated passwords of infrastructures: sealed in the database, as files only where runs need them.

The playbooks make them in `<home>/keys/<name>`. After a run they are sealed; before a run what is missing there is
written back, so that another machine can go on.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..config import Config
from ..db.models import Secret
from .task import write_private

PRIVATE_KEY = "id_ed25519"
_FILES = (PRIVATE_KEY, f"{PRIVATE_KEY}.pub", "ansible_output.json")
_PREFIX = "random-"
_KIND = "file:"


def key_folder(config: Config, name: str) -> Path:
    """Return the folder of an infrastructure's key pair."""
    return Path(config.home) / "keys" / name


def project_folder(config: Config, name: str) -> Path:
    """Return the folder of an infrastructure's project."""
    return Path(config.home) / "projects" / name


def read_files(config: Config, name: str) -> dict[str, str]:
    """Return the files of an infrastructure that are kept, by name."""
    folder = key_folder(config, name)
    found = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if file.name in _FILES or file.name.startswith(_PREFIX):
            found[file.name] = file.read_text(encoding="utf-8")
    return found


def is_secret(name: str) -> bool:
    """True for files whose content must not be seen."""
    return name == PRIVATE_KEY or name.startswith(_PREFIX)


def seal(session: Session, infrastructure_id: str, files: dict[str, str]) -> None:
    """Keep files in the database."""
    for name, text in files.items():
        session.merge(Secret(infrastructure_id=infrastructure_id, name=_KIND + name, sealed=text))


def restore(session: Session, config: Config, infrastructure_id: str, name: str) -> None:
    """Write files back that are missing."""
    folder = key_folder(config, name)
    query = select(Secret).where(Secret.infrastructure_id == infrastructure_id, Secret.name.startswith(_KIND))
    for secret in session.scalars(query):
        path = folder / Path(secret.name.removeprefix(_KIND)).name
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            draft.unlink(missing_ok=True)
            write_private(draft, secret.sealed).rename(path)


def private_key(session: Session, infrastructure_id: str) -> str | None:
    """Return the private key that opens the hosts of an infrastructure, None before it has been made."""
    found = session.get(Secret, (infrastructure_id, _KIND + PRIVATE_KEY))
    return None if found is None else found.sealed


def forget(session: Session, config: Config, infrastructure_id: str, name: str) -> None:
    """Remove everything secret of an infrastructure, here and in the database."""
    session.execute(delete(Secret).where(Secret.infrastructure_id == infrastructure_id))
    for folder in (key_folder(config, name), project_folder(config, name)):
        shutil.rmtree(folder, ignore_errors=True)

"""Make the collection importable as `ansible_collections.continuum.im`, as Ansible itself sees it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


def _link_collection() -> Path:
    """Return the directory that holds `ansible_collections/continuum/im`.

    The link to the checkout is made when it is missing.
    """
    root = REPOSITORY / "collections"
    link = root / "ansible_collections" / "continuum" / "im"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(REPOSITORY, link.parent))
    return root


sys.path.insert(0, str(_link_collection()))

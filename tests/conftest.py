"""Make the collection importable as `ansible_collections.continuum.im`, as Ansible itself sees it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file together when several processes share the work, unless they say otherwise.

    Files build one infrastructure and use it in order; `pytest.mark.xdist_group` parts a file, or joins several.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(REPOSITORY).as_posix()))

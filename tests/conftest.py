"""Make the collection importable as `ansible_collections.continuum.im`, as Ansible itself sees it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

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


class OrderedScheduling(LoadFileScheduling):  # type: ignore[misc, unused-ignore]
    """How the processes share the tests: a file stays together, for its tests use one infrastructure in their order.

    A file that runs on several clouds is parted by cloud. (The marks xdist_group would do that too, but xdist 3.8 does
    not see them under pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        path, _colons, rest = nodeid.partition("::")
        cloud = re.search(r"\[(local|aws|openstack)\b", rest) if path.startswith("tests/e2e/") else None
        return f"{path} on {cloud[1]}" if cloud else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OrderedScheduling:
    """Give the files out in the order in which they were collected: the long ones are first in `testpaths`."""
    return OrderedScheduling(config, log)

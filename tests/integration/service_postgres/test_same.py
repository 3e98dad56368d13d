# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the queue and the tables on SQLite holds on PostgreSQL: the same tests, on the engine of this folder.

Not here: what is about SQLite itself.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.service import test_db, test_outcome, test_queue

pytestmark = pytest.mark.integration
_ONLY_SQLITE = (
    "test_sqlite_is_set_up",
    "test_reading_state_costs_the_same_with_many_events",
    "test_migrations_make_the_same_as_the_models",
    "test_a_key_is_made_once_and_is_private",
    "test_another_key_opens_nothing_and_an_older_one_behind_does",
)


def _tests(module: Any) -> dict[str, Any]:
    """Return the tests of a module, and its own fixtures."""
    found = {name: item for name, item in vars(module).items() if name.startswith("test_") and callable(item)}
    return {name: item for name, item in found.items() if name not in _ONLY_SQLITE}


globals().update(_tests(test_queue) | _tests(test_db) | _tests(test_outcome))
one = test_queue.one

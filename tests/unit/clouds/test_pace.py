# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a cloud is asked how its hosts are."""

from __future__ import annotations

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.wait import next_pause

pytestmark = pytest.mark.unit


def test_looks_are_late_by_a_share_of_the_wait() -> None:
    assert next_pause(2) == 0.8
    assert next_pause(20) == 2
    assert next_pause(100) == 4

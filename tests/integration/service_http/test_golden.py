# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded exchanges with the Infrastructure Manager, replayed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tools.golden_rules import RULES

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT.parent / "shared" / "golden"


def test_nothing_is_wrong() -> None:
    if not GOLDEN.is_dir():
        pytest.skip("the recorded exchanges are not there")
    command = [sys.executable, str(ROOT / "tools" / "replay_golden.py")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    figures = re.search(r"(\d+) exchanges: (\d+) same, (\d+) better, 0 wrong", done.stdout)
    assert figures is not None
    assert int(figures.group(2)) > 200


def test_every_difference_is_in_the_table() -> None:
    text = (ROOT / "docs" / "service" / "differences.md").read_text(encoding="utf-8")
    assert not [name for name in RULES if f"`{name}`" not in text]

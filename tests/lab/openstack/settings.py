# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """How long servers stay BUILD, the slow ones too; how much later than ACTIVE hosts come up, and whether at all."""

    build_seconds: float = 0.0
    slow_seconds: float = 30.0
    boot: bool = True
    boot_seconds: float = 0.0

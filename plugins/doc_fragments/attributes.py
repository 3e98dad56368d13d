# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that the modules of clouds have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Modules that change something."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in check_mode and tell what it would change, changing nothing.
  diff_mode:
    support: full
    description: Tells what changed, or would change in check_mode, when in diff mode.
  idempotent:
    support: full
    description: When run twice with the same options, the second run changes nothing.
"""

    INFO = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in check_mode; it never changes anything.
  diff_mode:
    support: N/A
    description: Tells what changed, or would change in check_mode, when in diff mode.
  idempotent:
    support: full
    description: When run twice with the same options, the second run changes nothing.
"""

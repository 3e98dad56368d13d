# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 refuses and moto lets through."""

from __future__ import annotations

from .calls import Call


def check(call: Call, body: bytes) -> None:
    """Refuse a call that AWS refuses, and fill in what AWS fills in; raises Refused."""


def after(call: Call) -> None:
    """Put right what moto left after a call."""

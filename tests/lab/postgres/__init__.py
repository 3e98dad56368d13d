# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real PostgreSQL to test on: `from lab.postgres import Server`."""

from __future__ import annotations

from .server import Server, ServerError

__all__ = ["Server", "ServerError"]

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement."""

from __future__ import annotations

import importlib
import os

from . import serve


def run() -> None:
    """Serve."""
    os.environ["OS_PLACEMENT_CONFIG_DIR"] = serve.config_folder("placement")
    serve.http(importlib.import_module("placement.wsgi.api").application, "placement")

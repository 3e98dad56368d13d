# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance."""

from __future__ import annotations

import importlib
import os

from . import serve


def run() -> None:
    """Serve."""
    os.environ["OS_GLANCE_CONFIG_DIR"] = serve.config_folder("glance")
    serve.http(importlib.import_module("glance.wsgi.api").application, "glance")

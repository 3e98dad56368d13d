# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keystone, with what checks the access tokens of federated users before it."""

from __future__ import annotations

import importlib
import os

from . import serve
from .oidc import ResourceServer


def run() -> None:
    """Serve."""
    folder = serve.config_folder("keystone")
    os.environ["OS_KEYSTONE_CONFIG_DIR"] = folder
    application = importlib.import_module("keystone.wsgi.api").application
    serve.http(ResourceServer(application, f"{folder}/issuer.json"), "keystone")

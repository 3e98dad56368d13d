# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module of amazon.aws to the cloud: credentials, region and endpoint as all its modules take them."""

from __future__ import annotations

from typing import Any

from .._hosts.model import HostsError
from .cloud import Cloud

# Retries are ours (cloud.py): only we know which call may be repeated.
_CONFIG = {
    "retries": {"total_max_attempts": 1},
    "connect_timeout": 15,
    "read_timeout": 90,
    "max_pool_connections": 16,
}


def connect(module: Any) -> Cloud:
    """Return the cloud that a module's options and environment lead to; `module` is an AnsibleAWSModule.

    Raises HostsError without a region.
    """
    region = module.region
    if not region:
        raise HostsError("There is no AWS region.", "set AWS_REGION in the environment, e.g. AWS_REGION=eu-west-1.")
    return Cloud(lambda service: module.client(service, config=dict(_CONFIG)), region)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests use: starts a lab and talks to it."""

from __future__ import annotations

from typing import Any

from ..client import LabError, LabProcess

__all__ = ["Lab", "LabError"]


class Lab(LabProcess):
    """An AWS that runs. Use as a context manager, or call `stop`."""

    module = "lab.aws"

    def client(self, service: str, region: str = "", **options: Any) -> Any:
        """Return a boto3 client of the lab."""
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region or self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            **options,
        )

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several web processes show the same figures."""

from __future__ import annotations

import re
import urllib.request
from pathlib import Path

import pytest

from served import running_service

pytestmark = pytest.mark.integration
_COUNT = re.compile(r'continuum_http_requests_total\{endpoint="health.healthz",method="GET",status="200"\} (\S+)')


def test_requests_are_counted_in_all_processes(tmp_path: Path) -> None:
    settings = {"CONTINUUM_WEB_PROCESSES": "3", "CONTINUUM_WORKERS": "0", "CONTINUUM_DUMMY_CLOUD": "true"}
    with running_service(tmp_path, settings) as service:
        for _number in range(30):
            read(f"{service.address}/healthz")
        found = {_COUNT.findall(read(f"{service.address}/metrics"))[0] for _number in range(10)}
        assert found == {"30.0"}


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 (our own service)
        return str(answer.read().decode())

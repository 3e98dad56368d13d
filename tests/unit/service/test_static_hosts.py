# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that exist already: how what a user says of them comes to a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from service.auth.clouds import find_cloud
from service.operations.task import Task, write_inputs
from service.static_hosts import STATIC_VARIABLE, without_static

pytestmark = pytest.mark.unit
RECORD = {"id": "s", "type": "Static", "host": "192.0.2.1", "username": "debian", "private_key": "-KEY-\n-END-"}


def task(cloud: str) -> Task:
    return Task(5, 1, 1, "create", {}, "id-1", "im-1", cloud, "text", 1)


def test_hosts_and_key_of_a_run(tmp_path: Path) -> None:
    environment = find_cloud([RECORD]).environment
    found = json.loads(write_inputs(tmp_path, task("static"), environment).read_text())
    assert found["cloud_static_hosts"] == [{"address": "192.0.2.1"}]
    key = Path(found["cloud_static_private_key_file"])
    assert key.read_text() == "-KEY-\n-END-\n"
    assert key.stat().st_mode & 0o777 == 0o600
    assert without_static({**environment, "A": "b"}) == {"A": "b"}


def test_other_clouds_get_nothing_of_it(tmp_path: Path) -> None:
    variables = write_inputs(tmp_path, task("local"), find_cloud([RECORD]).environment)
    assert "static" not in variables.read_text()
    assert [file.name for file in tmp_path.iterdir() if "key" in file.name] == []


def test_the_key_is_a_secret() -> None:
    environment = find_cloud([RECORD]).environment
    assert list(environment) == [STATIC_VARIABLE]
    assert RECORD["private_key"] in task("static").secrets(environment)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real server, with processes and threads of its own."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tools.replay_golden import running_service

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("service-http-server")]
RADL = "system front ()\ndeploy front 1\ncontextualize ()\n"
OWN = {"type": "InfrastructureManager", "username": "user", "password": "pass"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_service(Path(tmp_path_factory.mktemp("home"))) as found:
        yield found


def call(address: str, method: str, path: str, body: Any = None, **dummy: str) -> tuple[int, str]:
    link = http.client.HTTPConnection(address.removeprefix("http://"), timeout=300)
    text = json.dumps([{"id": "dummy", "type": "Dummy", **dummy}, OWN])
    try:
        link.request(method, path, body=body, headers={"Authorization": text})
        answer = link.getresponse()
        return answer.status, answer.read().decode()
    finally:
        link.close()


def test_long_credentials(address: str) -> None:
    assert call(address, "GET", "/infrastructures", pad="x" * 50_000)[0] == 200


def test_many_at_once(address: str) -> None:
    """More requests wait for hosts than there are threads and connections; nobody gets into anybody's way."""

    def life(_number: int) -> list[int]:
        status, uri = call(address, "POST", "/infrastructures", RADL)
        path = "/infrastructures/" + uri.rsplit("/", 1)[-1]
        return [status, call(address, "GET", path + "/state")[0], call(address, "DELETE", path)[0]]

    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(life, range(24)))
    assert found == [[200, 200, 200]] * 24

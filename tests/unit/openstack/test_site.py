# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that is reached by a session of keystoneauth: an access token that ends while many calls are under way."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._openstack.errors import RefusedError
from ansible_collections.continuum.im.plugins.module_utils._openstack.site import KeystoneSite
from keystoneauth1 import exceptions

pytestmark = pytest.mark.unit

CALLS = 8
SECONDS = 30


class Session:
    """A session whose token is accepted when it is the one that is wanted; all first calls fail at the same time."""

    def __init__(self, accepted: str) -> None:
        self.auth = SimpleNamespace(access_token="old", invalidate=lambda: None, get_project_id=self._project)
        self._accepted, self._barrier = accepted, threading.Barrier(CALLS, timeout=SECONDS)

    def _project(self, _session: Any) -> str:
        if self.auth.access_token == self._accepted:
            return "project"
        self._barrier.wait()
        raise exceptions.Unauthorized("the token is too old")


def site_of(session: Session, newer: str) -> KeystoneSite:
    region = SimpleNamespace(region_name="", get_session=lambda: session)
    return KeystoneSite(region, "keystone.example.org", lambda: newer)


def test_a_token_that_ends_is_renewed_for_all_calls_that_are_under_way() -> None:
    site = site_of(Session("new"), "new")
    with ThreadPoolExecutor(CALLS) as pool:
        found = [pool.submit(lambda: site.project) for _call in range(CALLS)]
        assert {future.result() for future in found} == {"project"}


def test_without_a_newer_token_all_calls_say_so() -> None:
    site = site_of(Session("new"), "old")
    with ThreadPoolExecutor(CALLS) as pool:
        found = [pool.submit(lambda: site.project) for _call in range(CALLS)]
        for future in found:
            with pytest.raises(RefusedError, match="does not accept the credentials"):
                future.result()

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a session of openstacksdk to where its run may connect to."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import urlsplit

from .._hosts.model import HostsError
from .._hosts.reach import Reach

with contextlib.suppress(ImportError):  # the module says that it is missing, better than we could
    from requests.adapters import BaseAdapter

    class _Guard(BaseAdapter):
        """Looks at every request before it is sent, those that redirects lead to as well."""

        def __init__(self, adapter: Any, reach: Reach) -> None:
            super().__init__()
            self._adapter, self._reach = adapter, reach

        def send(self, request: Any, *arguments: Any, **more: Any) -> Any:
            """Send a request, if it goes where it may go. Raises HostsError."""
            problem = self._reach.problem(str(request.url))
            if problem:
                parts = urlsplit(str(request.url))
                raise HostsError(
                    f"{parts.scheme}://{parts.netloc.rpartition('@')[2]} {problem}.",
                    "who runs the service can allow it: CONTINUUM_OPENSTACK_HOSTS.",
                )
            return self._adapter.send(request, *arguments, **more)

        def close(self) -> None:
            """End what it holds."""
            self._adapter.close()


def guard(session: Any, reach: Reach | None) -> None:
    """Let a session of keystoneauth call only what is in reach; it does so in all that it is used for."""
    if reach is None:
        return
    plain = session.session
    for prefix, adapter in list(plain.adapters.items()):
        plain.mount(prefix, _Guard(adapter, reach))

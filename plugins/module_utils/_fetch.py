# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting a file from an http(s) address, with Ansible's own client: it knows proxies and certificates."""

from __future__ import annotations

from ansible.module_utils.urls import open_url

_TIMEOUT_SECONDS = 20


def download(url: str, most: int) -> bytes:
    """Return at most `most` bytes of an http(s) address. Raises OSError or ValueError."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https addresses are downloaded")
    with open_url(url, timeout=_TIMEOUT_SECONDS, http_agent="continuum.im") as reply:
        content: bytes = reply.read(most)
    return content

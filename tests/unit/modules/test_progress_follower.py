# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules tell while they work is shown by two threads; neither may wait for the other for ever."""

from __future__ import annotations

import os
import threading

import pytest
from ansible_collections.continuum.im.plugins.callback.progress import Follower
from ansible_collections.continuum.im.plugins.module_utils._hosts.progress import VARIABLE

pytestmark = pytest.mark.unit


def test_who_holds_the_display_may_ask_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")  # put back afterwards
    display, waiting, shown = threading.RLock(), threading.Event(), []

    def show(line: str) -> None:
        if threading.current_thread().name == "progress":
            waiting.set()
        with display:
            shown.append(line)

    follower = Follower(show, lambda: None)

    def call() -> None:
        """What ansible-runner does: it holds the display while the callback runs."""
        with display:
            with open(os.environ[VARIABLE], "a", encoding="utf-8") as file:
                file.write("one\n")
            assert waiting.wait(60)
            follower.drain()

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    follower.stop()
    assert shown == ["one"]

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A thread that looks at what the services want: when one of them wakes it, and now and then."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ..aws.shell import ShellError

_LOG = logging.getLogger("lab.openstack")
_LOOK_SECONDS = 2.0


class Watch:
    """Calls `refresh` when it is woken, and `look` every few seconds."""

    def __init__(self, refresh: Callable[[], None], look: Callable[[], None]) -> None:
        self._refresh, self._look = refresh, look
        self.ended = threading.Event()
        self._waker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._loop, daemon=True, name="hosts")

    def begin(self, wake_socket: Path) -> None:
        """Begin to look."""
        self._waker.bind(str(wake_socket))
        self._waker.settimeout(_LOOK_SECONDS)
        self._thread.start()

    def end(self) -> None:
        """Stop looking."""
        self.ended.set()
        if self._thread.is_alive():
            self.wake()
            self._thread.join()

    def close(self) -> None:
        """Close the socket, when nobody will wake it any more."""
        self._waker.close()

    def wake(self) -> None:
        """Look again at once."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.sendto(b"x", self._waker.getsockname())

    def _loop(self) -> None:
        looked = 0.0
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                self._waker.recv(16)
                self._drain()
            try:
                self._refresh()
                if time.monotonic() - looked > _LOOK_SECONDS:
                    looked = time.monotonic()
                    self._look()
            except Exception as error:
                if not self.ended.is_set():
                    _LOG.error("looking went wrong: %s", error, exc_info=not isinstance(error, ShellError))
                    self.ended.wait(1)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._waker.recv(16, socket.MSG_DONTWAIT):
                continue

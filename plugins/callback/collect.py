# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: collect
type: aggregate
author: continuum.im authors (@continuum-im)
short_description: What the callback progress writes, without showing anything
description:
  - Stands beside another callback that shows the run, and writes timings, roles a host and printed texts to a file.
  - Used for the runs in the sandbox.
requirements:
  - enable it in C(callbacks_enabled)
options:
  json_file:
    description: The file.
    type: path
    env:
      - name: CONTINUUM_PROGRESS_FILE
"""

from typing import Any

from ansible_collections.continuum.im.plugins.callback.progress import CallbackModule as Progress


class _Silent:
    """Stands for the display."""

    verbosity = 0

    def __getattr__(self, _name: str) -> Any:
        return lambda *_arguments, **_options: None


class CallbackModule(Progress):
    """Collects as progress does."""

    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "continuum.im.collect"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._display = _Silent()

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Nothing is shown while modules work."""

    def _file_on_disk_diff(self) -> bool:
        return False

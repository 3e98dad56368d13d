# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A filter of nova's scheduler that lets a fault say that no host has room."""

from __future__ import annotations

from typing import Any

from nova.scheduler import filters

from lab.openstack.faults import Faults

from . import control


class LabFilter(filters.BaseHostFilter):
    """Passes, unless a fault strikes."""

    def host_passes(self, _host_state: Any, _filter_properties: Any) -> bool:
        """Return whether the host has room."""
        return not Faults(control.folder()).strike("build:no_valid_host")

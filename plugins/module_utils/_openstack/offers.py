# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site offers: images, flavors and quotas, read at the same time, each once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from .._hosts.model import Group
from .cloud import Cloud
from .flavors import list_flavors
from .images import list_images
from .kinds import COMPUTE, NETWORK, STORAGE, Resource
from .quota import Limits


class Offers:
    """The offers of a site for some groups; nothing is read for none."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.limits = Limits(cloud)
        self.images: list[Resource] = []
        self.flavors: list[Resource] = []

    def read(self, growing: Sequence[Group], sized: Sequence[Group]) -> None:
        """Read what is sure to be needed: for groups that get new hosts, and for those whose flavor is chosen.

        Raises HostsError.
        """
        wanted: list[Callable[[], object]] = []
        if growing:
            wanted.append(self._read_images)
        if sized:
            wanted += [partial(self._read_flavors, sized), partial(self.limits.of, COMPUTE)]
        if growing:
            wanted.append(partial(self.limits.of, NETWORK))
        if any(group.volumes for group in growing):
            wanted.append(partial(self.limits.of, STORAGE))
        self._cloud.all_of(wanted)

    def _read_images(self) -> None:
        self.images = list_images(self._cloud)

    def _read_flavors(self, groups: Sequence[Group]) -> None:
        self.flavors = list_flavors(self._cloud, groups)

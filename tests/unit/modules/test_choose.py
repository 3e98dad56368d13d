# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts a person means."""

from __future__ import annotations

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.choose import choose_hosts, choose_one
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import Host, HostsError

pytestmark = pytest.mark.unit
HOSTS = [
    Host(0, "front", "t-front-0", "i-0", "running", {"hostname": "server", "fqdn": "server.localdomain"}),
    Host(1, "wn", "t-wn-1", "i-1", "running", {"hostname": "vnode-1", "fqdn": "vnode-1.localdomain"}),
    Host(2, "wn", "t-wn-2", "i-2", "running", {"hostname": "vnode-2", "fqdn": "vnode-2.localdomain"}),
    Host(3, "db", "t-db-3", "i-3", "running", {"hostname": "server", "fqdn": "server.db"}),
    Host(4, "db", "t-db-4", "i-4", "running", {}),
]


def ids(*words: str) -> list[int]:
    return [host.id for host in choose_hosts(HOSTS, words)]


def test_all_without_a_word() -> None:
    assert ids() == ids("", " ") == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("word", ["t-wn-1", "i-1", "1", "vnode-1", " vnode-1 ", "vnode-1.localdomain"])
def test_every_name_of_a_host(word: str) -> None:
    assert ids(word) == [1]


def test_several_in_the_order_of_their_numbers() -> None:
    assert ids("vnode-2", "server.localdomain", "2") == [0, 2]


def test_one_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(HostsError, match=r"There is no hosts nine, ten\. Hint: .*t-front-0 \(server\), t-wn-1 \(vnode"):
        ids("nine", "vnode-1", "ten")
    with pytest.raises(HostsError, match=r"There is no host None\."):
        ids("None")
    with pytest.raises(HostsError, match="hosts that are there: none"):
        choose_hosts([], ["x"])


def test_a_name_that_two_have_is_refused() -> None:
    with pytest.raises(HostsError, match=r"'server' names several hosts\. Hint: take one of t-front-0, t-db-3"):
        ids("server")


def test_exactly_one() -> None:
    assert choose_one(HOSTS, ["2"]).id == 2
    for words in ([], ["1", "2"]):
        with pytest.raises(HostsError, match="Name exactly one host"):
            choose_one(HOSTS, words)

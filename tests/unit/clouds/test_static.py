# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that exist already, without any: what is read, who takes what, and what is remembered."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import Group, HostsError, Slot
from ansible_collections.continuum.im.plugins.module_utils._static import remote, scripts
from ansible_collections.continuum.im.plugins.module_utils._static.entries import Entry, read_entries
from ansible_collections.continuum.im.plugins.module_utils._static.inventory import read_file
from ansible_collections.continuum.im.plugins.module_utils._static.match import Free, match
from ansible_collections.continuum.im.plugins.module_utils._static.record import Kept, Mark, Memory, Record, read_mark
from ansible_collections.continuum.im.plugins.module_utils._static.remote import Probe, RemoteError, Ssh
from ansible_collections.continuum.im.plugins.module_utils._static.seen import Request, sort_answers

pytestmark = pytest.mark.unit
FRONT = Group("front", "front", 1, public=True)
WN = Group("wn", "wn", 2)
GROUPS = [FRONT, WN]
SLOTS = [Slot(0, "front"), Slot(1, "wn"), Slot(2, "wn")]
GIB = 2**30


def free(*items: Any, **size: int) -> list[Free]:
    return [Free(entry, **size) for entry in read_entries(items)]


def places(slots: list[Slot], hosts: list[Free], groups: list[Group] | None = None) -> dict[int, str]:
    return {number: host.entry.place for number, host in match(slots, groups or GROUPS, hosts).hosts.items()}


def test_hosts_are_taken_in_order() -> None:
    assert places(SLOTS, free("10.0.0.1", "10.0.0.2", "10.0.0.3")) == {0: "10.0.0.1", 1: "10.0.0.2", 2: "10.0.0.3"}


def test_public_groups_take_hosts_with_a_public_address_and_others_those_without() -> None:
    hosts = free("10.0.0.1", {"address": "10.0.0.2", "public_ip": "198.51.100.2"}, "10.0.0.3")
    assert places(SLOTS, hosts) == {0: "10.0.0.2", 1: "10.0.0.1", 2: "10.0.0.3"}
    global_one = free("10.0.0.1", "93.184.216.34")
    assert places(SLOTS[:2], global_one) == {0: "93.184.216.34", 1: "10.0.0.1"}


def test_a_host_that_names_a_node_goes_there_and_nowhere_else() -> None:
    hosts = free("10.0.0.1", {"address": "10.0.0.2", "node": "front"}, {"address": "10.0.0.3", "node": "gpu"})
    assert places(SLOTS[:2], hosts) == {0: "10.0.0.2", 1: "10.0.0.1"}
    with pytest.raises(HostsError, match=r"needs 3, has 3 free\. Not free: 10\.0\.0\.3 is kept for gpu"):
        match(SLOTS, GROUPS, hosts)


def test_groups_of_an_inventory_mean_nodes_of_that_name_only() -> None:
    hosts = free({"address": "a1", "groups": ["rack1"]}, {"address": "a2", "groups": ["rack1", "front"]})
    assert places(SLOTS[:2], hosts) == {0: "a2", 1: "a1"}


def test_those_who_ask_for_most_choose_first() -> None:
    big = Group("big", "big", 1, cpus=8, memory=16 * GIB)
    hosts = [*free("10.0.0.1", cpus=2, memory=4 * GIB), *free("10.0.0.2", cpus=8, memory=16 * GIB - 400 * 2**20)]
    assert places([Slot(0, "wn"), Slot(1, "big")], hosts, [WN, big]) == {1: "10.0.0.2", 0: "10.0.0.1"}
    assert match([Slot(1, "big")], [big], hosts[1:]).warnings == ()
    assert "it has 2 CPUs and 4096 MiB" in match([Slot(1, "big")], [big], hosts[:1]).warnings[0]


def test_too_few_hosts_say_why_the_others_are_not_free() -> None:
    with pytest.raises(HostsError, match=r"wn: needs 3, has 2 free\. Not free: 10\.0\.0\.9 belongs to"):
        match(SLOTS, GROUPS, free("10.0.0.1", "10.0.0.2"), ["10.0.0.9 belongs to the infrastructure x"])


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ({"address": "-oProxyCommand=id"}, "not valid as address"),
        ({"address": "a b"}, "not valid as address"),
        ({"address": "{{ lookup('pipe', 'id') }}"}, "not valid as address"),
        ({"address": "10.0.0.1", "user": "-l"}, "not valid as user"),
        ({"address": "10.0.0.1", "user": "a;id"}, "not valid as user"),
        ({"address": "10.0.0.1", "port": 0}, "not a number from 1"),
        ({"address": "10.0.0.1", "port": "22; id"}, "not a number from 1"),
        ({"address": "10.0.0.1", "port": True}, "not a number from 1"),
        ({"address": "10.0.0.1", "private_ip": "x"}, "not an IP address"),
        ({"address": "10.0.0.1", "password": "x"}, "no 'password'"),
        ({"user": "debian"}, "has no address"),
        (7, "is not a host"),
    ],
)
def test_refused(item: Any, words: str) -> None:
    with pytest.raises(HostsError, match=words):
        read_entries([item])


def test_a_host_is_named_once() -> None:
    with pytest.raises(HostsError, match=r"10\.0\.0\.1 twice"):
        read_entries(["10.0.0.1", {"address": "10.0.0.1"}])
    first, second = read_entries(["10.0.0.1", {"address": "10.0.0.1", "port": 2222}])
    assert (first.place, second.place, second.alias) == ("10.0.0.1", "10.0.0.1 port 2222", "10.0.0.1-port-2222")


INI = """
# comment
lonely ansible_host=10.0.0.9 ansible_password="secret" port=8080
[web]
web[01:02].example.org ansible_user=admin   ; no comment of ours
10.0.0.5:2222 ansible_ssh_private_key_file='/keys/with space'
[db]
db-[a:b]
[all:vars]
ansible_user=debian
[site:children]
web
[site:vars]
ansible_port=2022
command={{ lookup('pipe', 'touch /tmp/never') }}
"""


def entries(path: Path, text: str) -> dict[str, Entry]:
    path.write_text(text)
    return {entry.name: entry for entry in read_entries(read_file(str(path)))}


def test_inventory_in_ini(tmp_path: Path) -> None:
    found = entries(tmp_path / "hosts", INI.replace("   ; no comment of ours", ""))
    assert list(found) == ["lonely", "web01.example.org", "web02.example.org", "10.0.0.5", "db-a", "db-b"]
    assert (found["lonely"].address, found["lonely"].user, found["lonely"].port) == ("10.0.0.9", "debian", 22)
    web = found["web02.example.org"]
    assert (web.address, web.user, web.port, web.groups) == ("web02.example.org", "admin", 2022, ("web", "site"))
    assert (found["10.0.0.5"].port, found["10.0.0.5"].private_key_file) == (2222, "/keys/with space")


def test_inventory_in_yaml(tmp_path: Path) -> None:
    text = """
all:
  vars: {ansible_user: debian}
  children:
    front: {hosts: {machine-a: {ansible_host: 10.0.0.1, public_ip: 198.51.100.1}}}
    wn:
      vars: {ansible_port: 2222}
      hosts: {machine-b: {ansible_host: 10.0.0.2}, "m[1:2]": }
"""
    found = entries(tmp_path / "hosts.yml", text)
    assert found["machine-a"] == Entry(
        "10.0.0.1", "debian", public_ip="198.51.100.1", name="machine-a", groups=("front",)
    )
    assert (found["machine-b"].port, found["m2"].address, found["m2"].groups) == (2222, "m2", ("wn",))


def test_a_list_in_yaml(tmp_path: Path) -> None:
    for text in ("[10.0.0.1, {address: 10.0.0.2}]", "hosts: [10.0.0.1, {address: 10.0.0.2}]"):
        (tmp_path / "hosts.yaml").write_text(text)
        assert [entry.address for entry in read_entries(read_file(str(tmp_path / "hosts.yaml")))] == [
            "10.0.0.1",
            "10.0.0.2",
        ]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("hosts.yml", "a: [", "is not YAML"),
        ("hosts.yml", "just text", "neither a list nor an inventory"),
        ("hosts.yml", "!!python/object/apply:os.system [id]", "is not YAML"),
        ("hosts.yml", "all: {hosts: 3}", "are no mapping"),
        ("hosts", "a b", "Line 1 of the inventory"),
        ("hosts", "a 'b", "Line 1 of the inventory"),
        ("hosts", "a[1:99999999]", "more than"),
        ("hosts", "a[1:x]", "not understood"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(HostsError, match=words):
        read_entries(read_file(str(tmp_path / name)))


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(HostsError, match="cannot be read"):
        read_file("/nowhere/hosts")


def mark(number: int = 0, infrastructure: str = "slurm", **more: Any) -> Mark:
    texts = {"node": "wn", "name": f"slurm-wn-{number}", "hostname": f"vnode-{number}", "fqdn": f"vnode-{number}.x"}
    return Mark(infrastructure, number, **{**texts, "token": "ab", "user": "debian", "key": "ssh-ed25519 K", **more})


def test_marks_are_read_as_they_are_written() -> None:
    assert read_mark(mark(7, last=9).text()) == mark(7, last=9)
    assert read_mark("") is None
    for text in ("{}", "[]", "text", "null", '{"infrastructure": "x"}'):
        found = read_mark(text)
        assert found is not None
        assert found.infrastructure == "?"


def test_the_record_is_read_as_it_is_written(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path / "keys"), "slurm")
    assert memory.read() == Record("slurm")
    record = Record("slurm", 4).with_hosts(
        Kept(Entry("10.0.0.1", groups=("a",)), mark(1), 2, 3, "10.0.0.1"), Kept(Entry("10.0.0.2"), leaving=True)
    )
    memory.write(record)
    assert memory.read() == record
    assert memory.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(HostsError, match="another infrastructure"):
        Memory(str(tmp_path / "keys"), "other").read()
    memory.forget()
    assert memory.read() == Record("slurm")


def test_another_run_is_waited_for_and_then_refused(tmp_path: Path) -> None:
    memory = Memory(str(tmp_path), "slurm")
    with memory.alone(0), pytest.raises(HostsError, match="Another run"), memory.alone(0):
        pass
    with memory.alone(0):
        pass


def probe(address: str, found: Mark | None = None, **more: Any) -> Probe:
    values = {
        "user": "debian",
        "is_root": True,
        "cpus": 2,
        "memory": GIB,
        "own_address": "",
        "boot": "",
        "has_key": True,
    }
    return Probe(Entry(address), address, **{**values, **more}, mark=found)


def test_what_answers_mean() -> None:
    ours, lost, gone, silent = (Kept(Entry(f"10.0.0.{number}"), mark(number)) for number in (1, 2, 3, 4))
    leaving = Kept(gone.entry, gone.mark, leaving=True)
    record = Record("slurm", 5).with_hosts(ours, lost, leaving, silent)
    request = Request("slurm", "/nowhere", read_entries(["10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.10"]))
    answers = [
        (ours.entry, probe("10.0.0.1", mark(1))),
        (lost.entry, probe("10.0.0.2")),
        (gone.entry, RemoteError("Permission denied", denied=True)),
        (silent.entry, RemoteError("Connection refused")),
        (Entry("10.0.0.7"), probe("10.0.0.7")),
        (Entry("10.0.0.8"), probe("10.0.0.8", mark(0, "other"))),
        (Entry("10.0.0.9"), probe("10.0.0.9", is_root=False)),
        (Entry("10.0.0.10"), RemoteError("No route to host")),
    ]
    seen = sort_answers(request, record, answers)
    assert list(seen.ours) == [1]
    assert (seen.lost, seen.gone, list(seen.silent)) == (["10.0.0.2"], ["10.0.0.3"], ["10.0.0.4"])
    assert [item.entry.place for item in seen.free] == ["10.0.0.7"]
    assert "infrastructure other" in seen.others["10.0.0.8"]
    assert "by sudo" in seen.others["10.0.0.9"]
    assert [entry.place for entry in seen.down] == ["10.0.0.10"]
    assert seen.last == 5
    assert [(host.id, host.state) for host in seen.hosts()] == [(1, "running"), (4, "stopped")]


NASTY = "'; touch /tmp/continuum-never; echo '"


def test_no_text_of_users_reaches_the_shell_of_a_host(tmp_path: Path) -> None:
    """The script runs here, with everything that it calls replaced by what prints its arguments."""
    key = f"ssh-ed25519 AAAA$(id) {NASTY}"
    text = scripts.take("slurm", 1, "bWFyaw==", key, "", [f"/mnt/{NASTY}", "/mnt/$(id)"])
    assert shlex.quote(key) in text
    harmless = text.replace("as_root() {", "as_root() { printf '[%s]' \"$@\"; return 0; }\nunused() {")
    done = subprocess.run(
        ["sh", "-s"],
        input=harmless,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"[mkdir][-p][--][/mnt/{NASTY}][/mnt/$(id)]" in done.stdout
    assert (tmp_path / ".ssh" / "authorized_keys").read_text() == f"{key}\n"
    assert not Path("/tmp/continuum-never").exists()


def test_hosts_with_one_home_give_it_back_at_the_same_time(tmp_path: Path) -> None:
    keys = tmp_path / ".ssh" / "authorized_keys"
    keys.parent.mkdir()
    owner = [f"ssh-ed25519 OWNER{number} owner" for number in range(200)]
    text = scripts.release("slurm", None, "ssh-ed25519 AAAA", "ssh-ed25519 BBBB")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for _round in range(15):
        keys.write_text("\n".join([*owner, "ssh-ed25519 AAAA ours", "ssh-ed25519 BBBB ours"]) + "\n")
        going = [
            subprocess.Popen(
                ["sh", "-s"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
            )
            for _host in range(4)
        ]
        for process in going:
            assert process.stdin is not None
            process.stdin.write(text.encode())
            process.stdin.flush()
        assert [process.communicate()[0] for process in going] == [b"continuum-begin\ncontinuum-end\n"] * 4
        assert keys.read_text().splitlines() == owner
        assert list(keys.parent.iterdir()) == [keys]


def test_keys_of_the_owner_stay_when_there_is_no_room(tmp_path: Path) -> None:
    keys = tmp_path / ".ssh" / "authorized_keys"
    keys.parent.mkdir()
    keys.write_text("ssh-ed25519 OWNER owner\nssh-ed25519 AAAA ours\n")
    text = scripts.release("slurm", None, "ssh-ed25519 AAAA")
    full = text.replace("grep -vF", "cut_short -vF").replace(
        "main() {", "cut_short() { echo half; return 2; }\nmain() {"
    )
    done = subprocess.run(
        ["sh", "-s"],
        input=full,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "left=key in" in done.stdout
    assert keys.read_text() == "ssh-ed25519 OWNER owner\nssh-ed25519 AAAA ours\n"
    assert list(keys.parent.iterdir()) == [keys]


def test_a_script_that_arrives_in_part_does_nothing(tmp_path: Path) -> None:
    text = scripts.release("slurm", None, "ssh-ed25519 AAAA")
    for share in (0.3, 0.6, 0.9, 0.99):
        done = subprocess.run(
            ["sh", "-s"],
            input=text[: int(len(text) * share)],
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == ""


def test_the_way_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "id 100%"
    own.write_text("")
    commands: list[list[str]] = []

    def follow(command: list[str], _script: str) -> tuple[int, str, str]:
        commands.append(command)
        return 255, "", "debian@10.0.0.1: Permission denied (publickey).\n"

    monkeypatch.setattr(remote, "_follow", follow)
    ssh = Ssh(str(own), "", "/k/known hosts", frozenset(["10.0.0.1"]))
    with pytest.raises(RemoteError, match="Permission denied") as raised:
        ssh.run(Entry("10.0.0.1", "debian", 2222), "")
    assert raised.value.denied
    assert len(commands) == 2
    with pytest.raises(RemoteError):
        ssh.run(Entry("10.0.0.1", "debian"), "")
    words = commands[2]
    assert f'IdentityFile="{tmp_path}/id 100%%"' in words
    assert 'UserKnownHostsFile="/k/known hosts"' in words
    assert words[-3:] == ["--", "10.0.0.1", "exec sh -s"]
    assert not [word for word in commands[3] if word.startswith("IdentityFile")]

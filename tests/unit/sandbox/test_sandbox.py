# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sandbox shows and lets through."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.box import (
    Box,
    collection_paths,
    command,
    python_paths,
)
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.inside import jump_command
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.relay import Policy, Relay
from ansible_collections.continuum.im.plugins.plugin_utils._sandbox.runner import (
    Job,
    _environment,
    _harmless,
    _jump_words,
    addresses,
    jumps,
)

pytestmark = pytest.mark.unit
NAMES = {"www.example.org": ["93.184.216.34"], "inside.example.org": ["10.0.0.9"], "two.example.org": ["127.0.0.1"]}


def policy() -> Policy:
    return Policy([("10.0.0.5", 22), ("fd00::5", 22), ("10.0.0.7", 2222)], lambda name, _port: NAMES.get(name, [name]))


@pytest.mark.parametrize(
    ("name", "port", "address"),
    [
        ("10.0.0.5", 22, "10.0.0.5"),
        ("[fd00::5]", 22, "fd00::5"),
        ("www.example.org", 443, "93.184.216.34"),
        ("93.184.216.34", 80, "93.184.216.34"),
        ("10.0.0.7", 2222, "10.0.0.7"),
    ],
)
def test_let_through(name: str, port: int, address: str) -> None:
    assert policy().address(name, port) == address


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("10.0.0.6", 22),
        ("10.0.0.5", 80),
        ("10.0.0.7", 22),
        ("10.0.0.5", 2222),
        ("127.0.0.1", 22),
        ("127.0.0.1", 443),
        ("169.254.169.254", 80),
        ("[::1]", 80),
        ("::ffff:10.0.0.6", 80),
        ("100.64.0.1", 443),
        ("224.0.0.1", 80),
        ("0.0.0.0", 80),
        ("inside.example.org", 443),
        ("two.example.org", 80),
        ("www.example.org", 22),
        ("www.example.org", 5432),
    ],
)
def test_refused(name: str, port: int) -> None:
    with pytest.raises(PermissionError):
        policy().address(name, port)


@pytest.fixture
def server() -> Iterator[int]:
    """A host of the infrastructure, on the loopback device: it greets and sends back what it gets."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return
            with client:
                client.sendall(b"SSH-2.0-x\r\n")
                while data := client.recv(100):
                    client.sendall(data.upper())

    threading.Thread(target=serve, daemon=True).start()
    yield int(listener.getsockname()[1])
    listener.close()


class Here(Policy):
    """Leads to the server of the test."""

    def __init__(self, port: int) -> None:
        super().__init__([])
        self.port = port

    def address(self, name: str, port: int) -> str:
        if port == self.port:
            return "127.0.0.1"
        raise PermissionError(f"port {port} is closed")


def ask(relay: Relay, request: bytes) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(5)
    client.connect(relay.path)
    client.sendall(request)
    return client


def test_the_relay_joins_both_ends(server: int, tmp_path: Path) -> None:
    relay = Relay(str(tmp_path / "s"), Here(server))
    try:
        with ask(relay, f"CONNECT host:{server} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) as client:
            stream = client.makefile("rwb", buffering=0)
            assert stream.readline() == b"HTTP/1.1 200 Connection established\r\n"
            assert stream.readline() == b"\r\n"
            assert stream.readline() == b"SSH-2.0-x\r\n"
            stream.write(b"hello")
            client.shutdown(socket.SHUT_WR)
            assert stream.read(100) == b"HELLO"
        with ask(relay, f"GET http://host:{server}/a?b HTTP/1.1\r\nProxy-Connection: x\r\n\r\n".encode()) as client:
            client.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: client.recv(100), b""))
        assert b"GET /A?B HTTP/1.1\r\nCONNECTION: CLOSE" in answer
        assert b"PROXY" not in answer
    finally:
        relay.close()
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"CONNECT host:1 HTTP/1.1\r\n\r\n", b"403"),
        (b"CONNECT nothing HTTP/1.1\r\n\r\n", b"502"),
        (b"GET /etc/passwd HTTP/1.1\r\n\r\n", b"502"),
        (b"GET file:///etc/passwd HTTP/1.1\r\n\r\n", b"502"),
        (b"\x16\x03\x01\r\n\r\n", b"502"),
    ],
)
def test_the_relay_says_no(server: int, tmp_path: Path, request_: bytes, status: bytes) -> None:
    relay = Relay(str(tmp_path / "s"), Here(server))
    try:
        with ask(relay, request_) as client:
            assert client.recv(100).split()[1] == status
    finally:
        relay.close()
    assert bool(relay.refused) == (status == b"403")


def test_the_command_shows_only_what_is_listed() -> None:
    box = Box({"/srv/own": "/srv/own"}, {"/srv/rw": "/var/tmp"}, {"SECRET": "hush"}, "/srv/own")
    words = command(box, ["run", "me"])
    assert words[-3:] == ["--", "run", "me"]
    assert "--unshare-net" in words
    assert words[words.index("--bind") + 1 :][:2] == ["/srv/rw", "/var/tmp"]
    sources = {words[index + 1] for index, word in enumerate(words) if word.startswith("--ro-bind")}
    assert not sources & {"/", "/etc", "/root", "/home", "/var", "/run", "/etc/shadow", "/etc/ssh"}
    assert "hush" not in " ".join(words)


def test_only_what_a_run_needs_of_the_collection() -> None:
    assert {path.rpartition("/")[2] for path in collection_paths("/c")} == {"plugins", "roles", "playbooks", "meta"}
    assert python_paths(["/usr", "/usr/local", "/opt/x"]) == {"/opt/x": "/opt/x"}


def test_a_terminal_is_not_steered() -> None:
    assert _harmless("a\x1b[31mred\x1b[0m\x1b]0;title\x07\x1b[2Jb\n") == "a\x1b[31mred\x1b[0m]0;title[2Jb"


FRONT = {"name": "t-front-0", "public_ip": "198.51.100.7", "private_ip": "10.0.0.5", "jump": None}
BEHIND = {"name": "t-wn-1", "public_ip": None, "private_ip": "10.0.0.6", "jump": "t-front-0"}


def test_hosts_behind_another_are_not_reached_directly() -> None:
    assert addresses([FRONT, BEHIND]) == [("198.51.100.7", 22)]
    assert jumps([FRONT, BEHIND]) == {"10.0.0.6": "t-front-0"}


def test_hosts_with_an_address_of_their_own_for_ssh() -> None:
    assert addresses([{**FRONT, "ssh_address": "10.0.0.5", "ssh_port": 2222}]) == [("10.0.0.5", 2222)]


def test_a_jump_host_that_is_gone_is_not_used() -> None:
    assert addresses([BEHIND]) == [("10.0.0.6", 22)]
    assert jumps([BEHIND]) == {}


def test_ssh_to_a_host_behind_another_goes_through_that_one(tmp_path: Path) -> None:
    job = Job("/p", "/k", "play.yml", "/c", [FRONT, BEHIND])
    path = tmp_path / "jumps.json"
    path.write_text(json.dumps({"ssh": _jump_words(job), "jumps": jumps(job.instances)}))
    words = jump_command("10.0.0.6", "22", str(path))
    assert words[:3] == ["ssh", "-F", "/k/ssh_config"]
    assert words[-3:] == ["-W", "[10.0.0.6]:22", "t-front-0"]
    connect = next(word for word in words if word.startswith("ProxyCommand="))
    assert connect in _environment(job, {})["ANSIBLE_SSH_ARGS"]
    assert jump_command("198.51.100.7", "22", str(path)) == []
    assert jump_command("10.0.0.6", "22", str(tmp_path / "none")) == []

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What templates name must not make the service call what only the service can call."""

from __future__ import annotations

import http.server
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.continuum.im.plugins.module_utils._fetch import download, downloads
from ansible_collections.continuum.im.plugins.module_utils._hosts.reach import Reach, is_public
from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError
from ansible_collections.continuum.im.plugins.plugin_utils._fetch.galaxy import install
from ansible_collections.continuum.im.plugins.plugin_utils._fetch.store import Store
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import find_template
from ansible_collections.continuum.im.plugins.plugin_utils._site import Site, sources_reach
from service.config import Config
from service.operations.task import environment_of_runs

pytestmark = pytest.mark.integration
PUBLIC = "93.184.216.34"
NAMES = {
    "public.test": [PUBLIC],
    "inside.test": ["10.1.2.3"],
    "mixed.test": [PUBLIC, "192.168.7.7"],
    "metadata.google.internal": ["169.254.169.254"],
    "localhost.": ["127.0.0.1"],
    "six.test": ["fd12::1"],
}
# PORT is that of a server on this machine that must not be called.
TRICKS = r"""
loopback            http://127.0.0.1:PORT/x
decimal             http://2130706433:PORT/x
octal               http://0177.0.0.1:PORT/x
octal-short         http://017700000001:PORT/x
hex                 http://0x7f000001:PORT/x
hex-dots            http://0x7f.0.0.0x1:PORT/x
short               http://127.1:PORT/x
other-loopback      http://127.8.9.10:PORT/x
nowhere             http://0.0.0.0:PORT/x
zero                http://0:PORT/x
six-loopback        http://[::1]:PORT/x
six-nowhere         http://[::]:PORT/x
mapped              http://[::ffff:127.0.0.1]:PORT/x
mapped-hex          http://[::ffff:7f00:1]:PORT/x
compatible          http://[::127.0.0.1]:PORT/x
nat64               http://[64:ff9b::7f00:1]:PORT/x
six-to-four         http://[2002:7f00:1::]:PORT/x
six-link-local      http://[fe80::1]:PORT/x
six-unique-local    http://[fd12:3456::1]/x
six-site-local      http://[fec0::1]/x
metadata            http://169.254.169.254/latest/meta-data/iam
metadata-decimal    http://2852039166/latest/meta-data/iam
metadata-six        http://[fd00:ec2::254]/latest/meta-data/iam
metadata-azure      http://168.63.129.16/machine
metadata-alibaba    http://100.100.100.200/latest/meta-data
metadata-name       http://metadata.google.internal/computeMetadata/v1
private-a           http://10.0.0.1/x
private-b           https://172.16.0.1/x
private-c           http://192.168.1.1/x
carrier-grade       http://100.64.0.1/x
multicast           http://224.0.0.1/x
broadcast           http://255.255.255.255/x
user                http://public.test@127.0.0.1:PORT/x
other-user          http://127.0.0.1:PORT@public.test/x
password            https://user:secret@public.test/x
backslash           http://public.test\@127.0.0.1:PORT/x
name-of-private     http://inside.test/x
name-of-private-six http://six.test/x
name-of-both        http://mixed.test/x
rebinding           http://flip.test/x
file                file:///etc/passwd
ftp                 ftp://public.test/x
gopher              gopher://127.0.0.1:PORT/_x
dict                dict://127.0.0.1:PORT/x
jar                 jar:http://127.0.0.1:PORT/x!/
line-end            http://public.test/\r\nHost:\x20127.0.0.1
line-end-in-host    http://public.test\r\n.inside.test/x
tab                 http://127.0.0.1\t:PORT/x
null                http://public.test\x00.inside.test/x
port-of-ssh         http://public.test:22/x
port-of-mail        http://public.test:25/x
port-zero           http://public.test:0/x
port-too-big        http://public.test:65616/x
two-ports           http://public.test:80:PORT/x
dot-at-the-end      http://127.0.0.1.:PORT/x
name-with-dot       http://localhost.:PORT/x
circled-digits      http://①②⑦.⓪.⓪.①:PORT/x
wide-dots           http://127。0。0。1:PORT/x
no-host             http:///x
redirect            http://public.test/to?http://127.0.0.1:PORT/x
redirect-decimal    http://public.test/to?http://2130706433:PORT/x
redirect-name       http://public.test/to?http://inside.test/x
redirect-file       http://public.test/to?file:///etc/passwd
redirect-ftp        http://public.test/to?ftp://127.0.0.1:PORT/x
redirect-twice      http://public.test/to?http://public.test/to?http://127.0.0.1:PORT/x
redirect-rebinding  http://public.test/to?http://flip.test/x
redirect-no-scheme  http://public.test/to?//127.0.0.1:PORT/x
redirect-metadata   http://public.test/to?http://169.254.169.254/latest/meta-data/iam
"""
CASES = [re.split(" +", line, maxsplit=1) for line in TRICKS.strip().splitlines()]
REFUSED = re.compile(
    r"(\S+ is not called: (it has no public address|only http and https addresses are|port \d+ is none of the web|an"
    r" address must not hold a user or a password) \(who runs the service can allow it: CONTINUUM_SOURCE_HOSTS\)"
    r"|it is no address of a service|it cannot be found|\S.* is not allowed)"
)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        where = self.path.partition("?")[2]
        if self.path.startswith("/to?"):
            self.send_response(302)
            self.send_header("Location", where)
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"SECRET-OF-THE-INSIDE" if self.path == "/x" else b"- hosts: all\n")

    def log_message(self, *_arguments: Any) -> None:
        pass


@pytest.fixture
def inside() -> Iterator[Any]:
    """A server of this machine; `asked` are the paths that it was asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.asked = []  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def world(inside: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Name servers of our own; what is connected to at the public address is the server inside. Returns the calls."""
    real, connect, calls = socket.getaddrinfo, socket.create_connection, []
    flips = iter([PUBLIC, "127.0.0.1", *["127.0.0.1"] * 9])

    def look_up(host: Any, port: Any, *arguments: Any, **more: Any) -> Any:
        if host == "flip.test":
            return real(next(flips), port, type=socket.SOCK_STREAM)
        if host in NAMES:
            return [item for address in NAMES[host] for item in real(address, port, type=socket.SOCK_STREAM)]
        return real(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    def reach(place: tuple[str, int], *arguments: Any, **more: Any) -> socket.socket:
        calls.append(place)
        assert place[0] == PUBLIC, f"{place} was called"
        return connect(inside.server_address, *arguments, **more)

    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket, "create_connection", reach)
    return calls


@pytest.fixture
def fetch(tmp_path: Path) -> Callable[[str, int], bytes]:
    """The download of a run of the service."""
    config = Config.load({"CONTINUUM_HOME": str(tmp_path)})
    environment = environment_of_runs(config, {"CONTINUUM_SITE": str(tmp_path / "none.yml")})
    return downloads(partial(sources_reach, environment, config.home))


def _unescaped(found: re.Match[str]) -> str:
    return found.group().encode().decode("unicode_escape")


@pytest.mark.parametrize(("name", "url"), CASES, ids=[name for name, _url in CASES])
def test_tricks_are_refused(name: str, url: str, inside: Any, world: list[Any], fetch: Any, tmp_path: Path) -> None:
    url = re.sub(r"\\([rnt]|x..)", _unescaped, url.replace("PORT", str(inside.server_address[1])))
    store = Store(str(tmp_path / "store"), Site(), fetch)
    with pytest.raises(ContinuumError) as raised:
        store.fetch({url: None})
    (problem,) = raised.value.diagnostics
    before, after = f"The recipe {store.site.url(url)} cannot be had: ", problem.message
    assert after.startswith(before), after
    assert REFUSED.fullmatch(after.removeprefix(before).removesuffix(".")), after
    assert "/x" not in inside.asked
    if not name.startswith("redirect"):
        assert world == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:PORT/x", "http://public.test/to?http://127.0.0.1:PORT/x"])
def test_templates_by_url_are_kept_to_the_same_rule(url: str, inside: Any, world: list[Any], fetch: Any) -> None:
    with pytest.raises(ContinuumError, match=r"127\.0\.0\.1 is not called: it has no public address"):
        find_template(url.replace("PORT", str(inside.server_address[1])), "", "", fetch=fetch)
    assert "/x" not in inside.asked


def test_public_addresses_are_called_also_after_redirects(world: list[Any], inside: Any, fetch: Any) -> None:
    assert fetch("http://public.test/recipe.yml", 100) == b"- hosts: all\n"
    assert fetch("http://public.test/to?http://public.test:8080/recipe.yml", 5) == b"- hos"
    assert world == [(PUBLIC, 80), (PUBLIC, 80), (PUBLIC, 8080)]


def test_what_a_site_allows_is_called(inside: Any, tmp_path: Path) -> None:
    port = inside.server_address[1]
    url = f"http://127.0.0.1:{port}/recipe.yml"
    site = tmp_path / "site.yml"
    site.write_text(yaml.safe_dump({"source_hosts": ["127.0.0.1"]}))
    of_site = sources_reach({"CONTINUUM_SITE": str(site)}, str(tmp_path))
    for reach in (Reach.read([f"http://127.0.0.1:{port}"], True), Reach.read(["127.0.0.0/8"], True), of_site):
        assert download(url, 100, reach) == b"- hosts: all\n"
    for reach in (Reach.read(["http://127.0.0.1:1"], True), Reach.read(["10.0.0.0/8"], True)):
        with pytest.raises(ValueError, match="no public address"):
            download(url, 100, reach)
    everything = Reach.read(["0.0.0.0/0", "::/0"], True)
    assert "no public" in everything.problem("http://169.254.169.254/latest")


def test_on_ones_own_machine_all_is_called(inside: Any, tmp_path: Path) -> None:
    reach = sources_reach({"CONTINUUM_SITE": str(tmp_path / "none.yml")}, str(tmp_path))
    assert reach is None
    assert download(f"http://127.0.0.1:{inside.server_address[1]}/recipe.yml", 100, reach) == b"- hosts: all\n"


def test_the_setting_reaches_the_runs(tmp_path: Path) -> None:
    config = Config.load({"CONTINUUM_HOME": str(tmp_path), "CONTINUUM_SOURCE_HOSTS": "a.local, 10.0.0.0/8"})
    environment = environment_of_runs(config, {"CONTINUUM_SITE": str(tmp_path / "none.yml")})
    assert sources_reach(environment, config.home) == Reach(("a.local", "10.0.0.0/8"), documents=True)
    assert environment_of_runs(Config.load({"CONTINUUM_HOME": str(tmp_path)}), {})["CONTINUUM_SOURCE_HOSTS"] == ""


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("64:ff9b::808:808", True), ("2001:0:7f00:1::", False)],
)
def test_public_addresses(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.mark.parametrize("source", ["git", "url"])
def test_roles_are_fetched_by_the_same_rule(source: str, inside: Any, tmp_path: Path) -> None:
    """ansible-galaxy and git get no other way out than a relay; here in their place: what they do, without them."""
    port = inside.server_address[1]
    (tmp_path / "requirements.yml").write_text(yaml.safe_dump({"roles": [{"name": "a"}]}))
    script = tmp_path / "galaxy"
    words = {
        "git": f"git clone http://127.0.0.1:{port}/x role",
        "url": f"python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:{port}/x\")'",
    }
    script.write_text(f"#!/bin/sh\ncd {tmp_path}\n{words[source]}\n")
    script.chmod(0o755)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    with pytest.raises(ContinuumError, match=r"127\.0\.0\.1 is not called"):
        install(str(tmp_path), str(tmp_path), str(script), Reach((), documents=True), environment)
    assert inside.asked == []
    if source == "url":
        install(str(tmp_path), str(tmp_path), str(script), Reach(("127.0.0.1",), documents=True), environment)
        assert set(inside.asked) == {"/x"}


def test_git_uses_the_web_only(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "r.git")], check=True, timeout=60)
    (tmp_path / "requirements.yml").write_text(yaml.safe_dump({"roles": [{"name": "a"}]}))
    script = tmp_path / "galaxy"
    script.write_text(f"#!/bin/sh\ngit clone file://{tmp_path}/r.git {tmp_path}/got\n")
    script.chmod(0o755)
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    with pytest.raises(ContinuumError, match="not allowed"):
        install(str(tmp_path), str(tmp_path), str(script), Reach((), documents=True), environment)
    assert not (tmp_path / "got").exists()

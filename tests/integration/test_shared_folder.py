# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role shared_folder by SSH: two hosts that may use FUSE, of the image that the local cloud makes."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import Group
from ansible_collections.continuum.im.plugins.module_utils._local.ability import find_ability
from ansible_collections.continuum.im.plugins.module_utils._local.design import FQDN_VARIABLE, KEY_VARIABLE
from ansible_collections.continuum.im.plugins.module_utils._local.engine import Engine, find_engine
from ansible_collections.continuum.im.plugins.module_utils._local.image import Images, read_release, wish_of
from ansible_collections.continuum.im.plugins.module_utils._local.machine import limit_options

pytestmark = pytest.mark.integration
REPOSITORY = Path(__file__).resolve().parents[2]
PLAYBOOK = """
- hosts: server, client
  become: true
  tasks:
    - name: Fetch the lists of packages, and make the same user everywhere
      ansible.builtin.user: {name: eve, uid: 1234}
- hosts: server
  become: true
  roles:
    - role: continuum.im.shared_folder
      vars: {shared_folder_path: /srv/all of us, shared_folder_method: ssh}
- hosts: client
  become: true
  roles:
    - role: continuum.im.shared_folder
      vars: {shared_folder_path: /srv/all of us, shared_folder_server: server}
"""
FOLDER = "'/srv/all of us'"
UNIT = "continuum-share-srv-all-of-us"
TROUBLE = f"systemctl --failed; systemctl status {UNIT} 2>&1; journalctl -n 40 -u {UNIT} 2>&1; mount | grep fuse; true"


@dataclass
class Hosts:
    """A server and a client."""

    engine: Engine
    prefix: str
    folder: Path

    def run(self, *words: str) -> str:
        return self.engine.run(*words)

    def shell(self, name: str, command: str, user: str = "root") -> str:
        return self.engine.run("exec", "-u", user, f"{self.prefix}-{name}", "sh", "-c", command)

    def until(self, name: str, command: str, seconds: float = 60) -> None:
        """Wait until a command succeeds on a host."""
        end = time.monotonic() + seconds
        while self.shell(name, f"if {command}; then echo yes; fi 2> /dev/null").strip() != "yes":
            assert time.monotonic() < end, f"{command} fails on {name}: {self.shell(name, TROUBLE)}"
            time.sleep(0.3)

    def play(self, *options: str) -> dict[str, dict[str, int]]:
        """Run the playbook; return the counts by host."""
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        }
        words = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.folder / "hosts.json")]
        done = subprocess.run(
            [*words, str(self.folder / "play.yml"), *options],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return {name: recap(done.stdout, name) for name in ("server", "client")}


def recap(output: str, host: str) -> dict[str, int]:
    (line,) = [line for line in output.partition("PLAY RECAP")[2].splitlines() if line.startswith(f"{host} ")]
    return {key: int(value) for key, value in (word.split("=") for word in line.split(":")[1].split())}


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    if shutil.which("podman") is None or os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip("needs podman, root and /dev/fuse")
    folder = tmp_path_factory.mktemp("share")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    engine = find_engine("podman")
    files = REPOSITORY / "roles" / "cloud_local" / "files" / "image"
    wish, _warning = wish_of(Group("x", "x", 1), "docker.io", read_release())
    image = Images(engine, files, "").get(wish)
    engine = find_ability(engine, image.tag).engine(engine)
    found = Hosts(engine, f"sf-it-{secrets.token_hex(3)}", folder)
    variables = {
        "ansible_user": image.user,
        "ansible_ssh_private_key_file": str(folder / "key"),
        "ansible_ssh_common_args": f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={folder}/known",
        "ansible_ssh_retries": 6,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    key = (folder / "key.pub").read_text().strip()
    try:
        # Addresses of their own, which stay when a host is started again.
        engine.run("network", "create", "--disable-dns", found.prefix)
        (subnet,) = engine.run_json("network", "inspect", found.prefix)[0]["subnets"]
        network = ipaddress.ip_network(subnet["subnet"])
        addresses = {name: str(network[number]) for number, name in enumerate(("server", "client"), 10)}
        for name, address in addresses.items():
            settings = ["--env", f"{KEY_VARIABLE}={key}", "--env", f"{FQDN_VARIABLE}={name}.localdomain"]
            rights = ["--systemd=always", "--no-hosts", "--device", "/dev/fuse", "--cap-add", "SYS_ADMIN"]
            place = ["--network", f"{found.prefix}:ip={address}", *rights, *limit_options()]
            engine.run(
                "run", "-d", "--name", f"{found.prefix}-{name}", "--hostname", name, *place, *settings, image.tag
            )
        each = {name: {"ansible_host": ip, "IM_NODE_PRIVATE_IP": ip} for name, ip in addresses.items()}
        (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": each, "vars": variables}}))
        (folder / "play.yml").write_text(PLAYBOOK)
        yield found
    finally:
        engine.run("rm", "-f", "-t", "0", "--ignore", f"{found.prefix}-server", f"{found.prefix}-client")
        engine.run("network", "rm", found.prefix)


def test_a_plan_on_new_hosts_touches_nothing(hosts: Hosts) -> None:
    planned = hosts.play("--check", "--diff")
    assert planned["server"]["changed"] > 0
    assert planned["client"]["changed"] > 0
    assert "yes" not in hosts.shell("server", "test -e /srv/* && echo yes || true")


def test_users_keep_what_is_theirs(hosts: Hosts) -> None:
    hosts.play()
    hosts.shell("server", f"install -d -o eve -m 0750 {FOLDER}/eve")
    hosts.shell("client", f"cd {FOLDER}/eve && umask 027 && echo one > file && mkdir folder && ln file hard", "eve")
    listed = hosts.shell("server", f"cd {FOLDER}/eve && stat -c '%U %a %n' * && stat -c %h file").splitlines()
    assert listed == ["eve 640 file", "eve 750 folder", "eve 640 hard", "2"]
    hosts.shell("server", f"echo two >> {FOLDER}/eve/file")
    hosts.until("client", f"grep -q two {FOLDER}/eve/file", 20)
    # nobody else gets in
    assert hosts.shell("client", f"cat {FOLDER}/eve/file 2>&1 || true", "nobody").endswith("Permission denied\n")
    assert hosts.shell("client", f"touch {FOLDER}/x 2>&1 || true", "eve").endswith("Permission denied\n")


def test_again_changes_nothing(hosts: Hosts) -> None:
    again = hosts.play()
    assert [again[name]["changed"] for name in ("server", "client")] == [0, 0]
    assert hosts.play("--check")["client"]["changed"] == 0


def test_the_key_opens_nothing_but_the_folder(hosts: Hosts) -> None:
    keys = "/etc/continuum/share-srv-all-of-us"
    port = hosts.shell("server", f"sed -n 's/^Port //p' {keys}/sshd.conf").strip()
    known = f"-o UserKnownHostsFile={keys}/known_hosts -o HostKeyAlias=continuum-share -o BatchMode=yes -i {keys}/key"
    address = json.loads((hosts.folder / "hosts.json").read_text())["all"]["hosts"]["server"]["ansible_host"]
    assert "hostname" not in hosts.shell(
        "client", f"ssh {known} -p {port} root@{address} cat /etc/hostname 2>&1 || true"
    )
    answer = hosts.shell("client", f"echo ls / | sftp -q {known} -P {port} root@{address} 2>&1 || true")
    assert "eve" in answer
    assert "etc" not in answer
    other = hosts.shell("client", f"ssh {known} -o StrictHostKeyChecking=no root@{address} true 2>&1 || true")
    assert "Permission denied" in other


@pytest.mark.long
def test_it_comes_back_after_restarts_of_either_side(hosts: Hosts) -> None:
    hosts.run("restart", "-t", "20", f"{hosts.prefix}-client")
    hosts.until("client", f"grep -q two {FOLDER}/eve/file")
    hosts.run("stop", "-t", "20", f"{hosts.prefix}-server")
    hosts.run("restart", "-t", "20", f"{hosts.prefix}-client")
    hosts.run("start", f"{hosts.prefix}-server")
    hosts.until("client", f"grep -q two {FOLDER}/eve/file")
    hosts.shell("client", f"systemctl restart {UNIT}")
    hosts.until("client", f"grep -q two {FOLDER}/eve/file")
    hosts.run("restart", "-t", "20", f"{hosts.prefix}-server")
    hosts.until("client", f"grep -q two {FOLDER}/eve/file", 90)

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox in which foreign recipes run on the controller: what of the machine they see. Pure: builds a command.

Recipes are made for the hosts. What of them runs on the controller (lookups, `delegate_to: localhost`) sees its own
project, the key pair of its own infrastructure, Ansible, and nothing else: no other infrastructure, no home, no
service, no environment, no network but the relay of `relay.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

PROGRAM = "bwrap"
COLLECTIONS = "/continuum/collections"
GALAXY = "/continuum/galaxy"
SOCKET = "/continuum/relay.sock"
PROXY_PORT = 3128
# What programs need of /etc: names, certificates, libraries. Not shadow, not ssh, not the settings of services.
_ETC = (
    *("alternatives", "ca-certificates.conf", "group", "host.conf", "hosts", "ld.so.cache", "ld.so.conf"),
    *("ld.so.conf.d", "localtime", "nsswitch.conf", "passwd", "pki", "protocols", "services", "ssl", "timezone"),
)
_SYSTEM = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")


@dataclass(frozen=True)
class Box:
    """What one run sees, as paths outside -> paths inside; `writable` ones may be changed."""

    readable: Mapping[str, str] = field(default_factory=dict)
    writable: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"


def command(box: Box, words: Iterable[str]) -> list[str]:
    """Return the command line that runs `words` in the sandbox.

    The environment is not part of it, since command lines can be read by everybody: the caller starts it with
    `box.environment` and nothing else.
    """
    return [
        PROGRAM,
        *("--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"),
        *("--unshare-net", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
        *("--hostname", "controller"),
        *_system(),
        *("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--dir", "/tmp/home"),  # noqa: S108
        *_binds("--ro-bind", box.readable),
        *_binds("--bind", box.writable),
        *("--chdir", box.directory, "--"),
        *words,
    ]


def python_paths(prefixes: Iterable[str]) -> dict[str, str]:
    """Return what must be readable for a Python that is installed in `prefixes` (those in /usr are there anyway)."""
    found = {os.path.realpath(prefix) for prefix in prefixes} | set(prefixes)
    return {path: path for path in sorted(found) if path != "/usr" and not path.startswith("/usr/")}


def collection_paths(collection: str) -> dict[str, str]:
    """Return the parts of this collection that a run needs, and nothing of the checkout around it."""
    inside = f"{COLLECTIONS}/ansible_collections/continuum/im"
    names = ("plugins", "roles", "playbooks", "meta")
    return {os.path.join(collection, name): f"{inside}/{name}" for name in names}


def _system() -> list[str]:
    """Programs and libraries; /bin and the like are links on current systems."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM:
        path = f"/{name}"
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    for name in _ETC:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return words


def _binds(option: str, paths: Mapping[str, str]) -> list[str]:
    return [word for outside, inside in paths.items() for word in (option, outside, inside)]

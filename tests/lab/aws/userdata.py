# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""User data as a script: a script stays as it is, of #cloud-config the usual keys are understood. Pure."""

from __future__ import annotations

import base64
import binascii
import email
import gzip
import logging
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

_LOG = logging.getLogger("lab.aws")
_KNOWN = ("hostname", "packages", "package_update", "runcmd", "ssh_authorized_keys", "write_files")


def script(encoded: str, user: str) -> str:
    """Return the script that does what user data (base64, as the API has it) asks for, "" for none."""
    try:
        data = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return ""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    return _script(data.decode(errors="replace"), user)


def _script(text: str, user: str) -> str:
    if text.startswith("#!"):
        return text
    if text.startswith("#cloud-config"):
        return "\n".join(["#!/bin/bash", *_config(text, user)]) + "\n"
    message = email.message_from_string(text)
    if message.is_multipart():
        return "\n".join(["#!/bin/bash", *_parts(message, user)]) + "\n"
    if text.strip():
        _LOG.warning("user data of a kind that the lab does not know: %s", text[:40])
    return ""


def _parts(message: Any, user: str) -> Iterator[str]:
    for number, part in enumerate(message.walk()):
        payload = part.get_payload(decode=True)
        text = _script(payload.decode(errors="replace"), user) if payload else ""
        if text:
            place = f"/var/lib/lab-part-{number}"
            yield from (_write(place, text.encode(), "0700"), place)


def _config(text: str, user: str) -> Iterator[str]:
    import yaml

    config = yaml.safe_load(text) or {}
    for name in sorted(set(config) - set(_KNOWN)):
        _LOG.warning("#cloud-config: the lab does nothing about %s", name)
    keys = "".join(f"{key}\n" for key in config.get("ssh_authorized_keys") or [])
    if keys:
        yield f"printf %s {shlex.quote(keys)} >>~{user}/.ssh/authorized_keys"
    if config.get("hostname"):
        yield f"hostname {shlex.quote(str(config['hostname']))}"
    for file in config.get("write_files") or []:
        yield from _file(file)
    if config.get("package_update") or config.get("packages"):
        yield "apt-get -qq update"
    if config.get("packages"):
        names = " ".join(shlex.quote(str(item)) for item in config["packages"])
        yield f"DEBIAN_FRONTEND=noninteractive apt-get -qq install -y {names}"
    for command in config.get("runcmd") or []:
        yield command if isinstance(command, str) else shlex.join(str(word) for word in command)


def _file(file: dict[str, Any]) -> Iterator[str]:
    content = str(file.get("content", "")).encode()
    if str(file.get("encoding", "")) in ("b64", "base64"):
        content = base64.b64decode(content)
    yield _write(str(file["path"]), content, str(file.get("permissions", "0644")), bool(file.get("append")))
    if file.get("owner"):
        yield f"chown {shlex.quote(str(file['owner']))} {shlex.quote(str(file['path']))}"


def _write(path: str, content: bytes, mode: str, append: bool = False) -> str:
    place = shlex.quote(path)
    text = base64.b64encode(content).decode()
    arrow = ">>" if append else ">"
    parent = shlex.quote(str(PurePosixPath(path).parent))
    return f"mkdir -p {parent}; echo {text} | base64 -d {arrow}{place}; chmod {mode} {place}"

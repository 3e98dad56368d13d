# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code of a function: a zip file as it is, or a folder that becomes the same bytes wherever it is packed.

Names of files come out of templates, which may be hostile: nothing outside the template's folder is read, and no
symbolic link is followed.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import re
import stat
import zipfile

from .._hosts.model import HostsError

MOST_BYTES = 50 * 2**20  # what CreateFunction takes without a bucket in between
_MOST_UNPACKED = 250 * 2**20
_MOST_FILES = 10_000
_STORED_UP_TO = 40 * 2**20
_SKIPPED = {"__pycache__", ".git"}
_DATE = (1980, 1, 1, 0, 0, 0)


def load_code(root: str, path: str) -> bytes:
    """Return the zip file that `path` (relative to `root`) is or becomes. Raises HostsError."""
    if not root or not os.path.isdir(root):
        hint = "Download the template and its code into one folder, and deploy it from there."
        raise HostsError(f"The code '{path}' cannot be found, since the template lies in no folder.", hint)
    place = _inside(os.path.realpath(root), path)
    if stat.S_ISDIR(os.lstat(place).st_mode):
        content = pack(place, path)
    else:
        content = _read(place, path)
        if not zipfile.is_zipfile(io.BytesIO(content)):
            raise HostsError(f"The code '{path}' is neither a zip file nor a folder.", "Name the folder of the file.")
    if len(content) > MOST_BYTES:
        size = len(content) // 2**20
        hint = "Leave out what the function does not need, or use a container image."
        raise HostsError(f"The code '{path}' has {size} MiB; Lambda takes {MOST_BYTES // 2**20} MiB.", hint)
    return content


def code_sha256(content: bytes) -> str:
    """Return the digest as Lambda shows it."""
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def pack(folder: str, shown: str = "") -> bytes:
    """Return a folder as a zip file; the same content gives the same bytes. `shown` is its name in messages."""
    files = _files(folder, "", shown or folder)
    if not files:
        raise HostsError(f"The folder '{shown or folder}' has no files.", "Put the code of the function there.")
    total = sum(os.lstat(os.path.join(folder, name)).st_size for name in files)
    if total > _MOST_UNPACKED:
        raise HostsError(f"The folder '{shown}' has {total // 2**20} MiB; Lambda takes {_MOST_UNPACKED // 2**20} MiB.")
    # Compressed bytes differ from one version of zlib to the next; plain ones do not.
    method = zipfile.ZIP_STORED if total <= _STORED_UP_TO else zipfile.ZIP_DEFLATED
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", method) as archive:
        for name in files:
            place = os.path.join(folder, name)
            entry = zipfile.ZipInfo(name, _DATE)
            entry.compress_type = method
            entry.create_system = 3
            mode = 0o755 if os.lstat(place).st_mode & stat.S_IXUSR else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(entry, _read(place, os.path.join(shown, name)))
    return result.getvalue()


def _files(folder: str, below: str, shown: str) -> list[str]:
    """Return the names of all files, sorted, with `/` between the parts."""
    found: list[str] = []
    with os.scandir(os.path.join(folder, below)) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            name = f"{below}/{entry.name}" if below else entry.name
            if entry.is_symlink():
                raise _link(f"{shown}/{name}")
            if entry.is_dir(follow_symlinks=False):
                found.extend(_files(folder, name, shown) if entry.name not in _SKIPPED else [])
            elif entry.is_file(follow_symlinks=False):
                found.append(name)
            else:
                raise HostsError(f"'{shown}/{name}' is neither a file nor a folder.", "Move it out of the code.")
            if len(found) > _MOST_FILES:
                raise HostsError(f"The folder '{shown}' has more than {_MOST_FILES} files.", "Use a container image.")
    return sorted(found)


def _inside(root: str, path: str) -> str:
    """Return the place of `path` below `root`, part by part, so that no link leads elsewhere."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not path or path.startswith(("/", "~")) or "\\" in path or ".." in parts or re.search(r"[\x00-\x1f]", path):
        raise HostsError(f"The code '{path!r}' is not a path below the template's folder.", "Write for example 'code'.")
    place = root
    for part in parts:
        place = os.path.join(place, part)
        if os.path.islink(place):
            raise _link(path)
        if not os.path.exists(place):
            raise HostsError(f"There is no '{path}' in the template's folder.", "Paths start beside the template.")
    return place


def _link(shown: str) -> HostsError:
    return HostsError(f"'{shown}' is a symbolic link, which is not followed.", "Put the file itself there.")


def _read(place: str, shown: str) -> bytes:
    try:
        with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(_MOST_UNPACKED)
    except OSError as error:
        raise HostsError(f"'{shown}' cannot be read: {error.strerror}.") from None

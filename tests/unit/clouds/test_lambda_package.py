# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code of functions: the same bytes for the same content, and nothing from outside the template's folder."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from ansible_collections.continuum.im.plugins.module_utils._hosts.model import HostsError
from ansible_collections.continuum.im.plugins.module_utils._lambda import package
from ansible_collections.continuum.im.plugins.module_utils._lambda.package import code_sha256, load_code, pack

pytestmark = pytest.mark.unit


@pytest.fixture
def root(tmp_path: Path) -> Path:
    code = tmp_path / "template" / "code"
    (code / "lib").mkdir(parents=True)
    (code / "index.py").write_text("def handler(event, context): return 1\n")
    (code / "lib" / "a.py").write_text("A = 1\n")
    (code / "run.sh").write_text("#!/bin/sh\n")
    (code / "run.sh").chmod(0o755)
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "index.pyc").write_bytes(b"x")
    (tmp_path / "secret").write_text("secret")
    return tmp_path / "template"


def test_the_same_content_gives_the_same_bytes(root: Path, tmp_path: Path) -> None:
    first = load_code(str(root), "code")
    other = tmp_path / "other"
    (other / "lib").mkdir(parents=True)
    for name in ("run.sh", "lib/a.py", "index.py"):  # in another order, at another time
        (other / name).write_bytes((root / "code" / name).read_bytes())
        os.utime(other / name, (1, 1))
    (other / "run.sh").chmod(0o700)
    assert pack(str(other)) == first
    (other / "index.py").write_text("def handler(event, context): return 2\n")
    assert pack(str(other)) != first


def test_what_is_packed(root: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(load_code(str(root), "./code/")))
    assert archive.namelist() == ["index.py", "lib/a.py", "run.sh"]
    modes = {item.filename: item.external_attr >> 16 & 0o777 for item in archive.infolist()}
    assert modes == {"index.py": 0o644, "lib/a.py": 0o644, "run.sh": 0o755}


def test_a_zip_file_is_taken_as_it_is(root: Path) -> None:
    content = pack(str(root / "code"))
    (root / "ready.zip").write_bytes(content)
    assert load_code(str(root), "ready.zip") == content
    assert len(code_sha256(content)) == 44


@pytest.mark.parametrize(
    "path",
    [
        *("../secret", "code/../../secret", "/etc/passwd", "~/x", "code/..", "", "a\x00b", "code\\..\\x"),
        *("missing", "code/index.py", "link", "linked/index.py", "code/missing"),
    ],
)
def test_hostile_paths_are_refused(root: Path, path: str) -> None:
    (root / "link").symlink_to(root.parent / "secret")
    (root / "linked").symlink_to(root / "code")
    with pytest.raises(HostsError) as error:
        load_code(str(root), path)
    assert "secret\n" not in str(error.value)


def test_links_and_devices_inside_are_refused(root: Path) -> None:
    (root / "code" / "lib" / "out").symlink_to("/etc/passwd")
    with pytest.raises(HostsError, match=r"code/lib/out' is a symbolic link"):
        load_code(str(root), "code")
    (root / "code" / "lib" / "out").unlink()
    os.mkfifo(root / "code" / "pipe")
    with pytest.raises(HostsError, match="neither a file nor a folder"):
        load_code(str(root), "code")


def test_a_template_without_a_folder_has_no_code() -> None:
    with pytest.raises(HostsError, match="lies in no folder"):
        load_code("", "code")


def test_too_much_code_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "MOST_BYTES", 10)
    with pytest.raises(HostsError, match="Lambda takes"):
        load_code(str(root), "code")
    monkeypatch.setattr(package, "_MOST_FILES", 1)
    with pytest.raises(HostsError, match="more than 1 files"):
        load_code(str(root), "code")
    (root / "empty").mkdir()
    with pytest.raises(HostsError, match="has no files"):
        load_code(str(root), "empty")


def test_large_code_is_compressed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "code" / "data").write_bytes(b"x" * 100_000)
    plain = load_code(str(root), "code")
    monkeypatch.setattr(package, "_STORED_UP_TO", 10)
    assert len(load_code(str(root), "code")) < len(plain) / 10

# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB: one process, reached by a socket in a folder of ours, with nothing of the machine's configuration."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from ..aws.shell import ShellError, run
from .layout import Layout

_SERVER = "mariadbd"
_SECONDS = 60
_PATHS = os.pathsep.join(("/usr/sbin", "/usr/local/sbin"))
_OPTIONS = (
    "--skip-networking",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--innodb-buffer-pool-size=96M",
    "--innodb-log-file-size=16M",
    # Thousands of small files take long to copy and to remove.
    "--innodb-file-per-table=OFF",
    # The data is thrown away, or was copied when the server had ended.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--max-connections=500",
    "--character-set-server=utf8mb4",
)


def find_server() -> str:
    """Return the path of the server program, "" when it is not installed."""
    return shutil.which(_SERVER, path=f"{os.environ.get('PATH', '')}{os.pathsep}{_PATHS}") or ""


class Database:
    """The server of a lab."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._data = layout.state / "mysql"
        self._process: subprocess.Popen[bytes] | None = None

    def install(self) -> None:
        """Make the files of an empty server."""
        self._data.mkdir(parents=True, exist_ok=True)
        words = [f"--datadir={self._data}", f"--user={getpass.getuser()}"]
        run("mariadb-install-db", "--no-defaults", *words, "--auth-root-authentication-method=normal", "--skip-test-db")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = self._layout.logs / "mariadb.log"
        # The kernel ends it when the lab is killed.
        words = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            find_server(),
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self._data}",
        ]
        words += [f"--socket={self._layout.database_socket}", f"--pid-file={self._layout.runtime / 'db.pid'}"]
        words += [*_OPTIONS, f"--log-error={log}"]
        null = subprocess.DEVNULL
        self._process = subprocess.Popen(words, stdin=null, stdout=null, stderr=null, start_new_session=True)
        end = time.monotonic() + _SECONDS
        while True:
            try:
                self.sql("select 1")
            except ShellError as error:
                if time.monotonic() > end or self._process.poll() is not None:
                    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
                    raise ShellError(f"the database did not start: {error} {text[-1500:]}") from error
                time.sleep(0.1)
            else:
                return

    def stop(self, gently: bool = False) -> None:
        """End the server; gently when its files are kept."""
        if self._process is None:
            return
        if gently:
            self._process.terminate()
        else:
            self._process.kill()
        self._process.wait(_SECONDS)
        self._process = None

    def sql(self, text: str) -> list[str]:
        """Run statements; return the lines of the answer."""
        options = ["--no-defaults", f"--socket={self._layout.database_socket}", "--user=root"]
        words = [*options, "--batch", "--skip-column-names", "--raw", "--default-character-set=utf8mb4"]
        return run("mariadb", *words, text=text).splitlines()

    def rows(self, *statements: str) -> list[Any]:
        """Return what statements that select JSON give, all in one go."""
        return [json.loads(line) for line in self.sql(";\n".join(statements))]

    @staticmethod
    def copy(source: Path, target: Path) -> None:
        """Copy the files of a server that does not run."""
        run("cp", "--archive", "--sparse=always", "--reflink=auto", f"{source}/mysql", str(target))

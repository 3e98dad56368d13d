# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gunicorn around the application, on a socket that the supervisor holds: a web process that dies costs nothing."""

from __future__ import annotations

import importlib
import logging
import os
import shutil
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from .config import Config
from .log import set_up_logs

_GRACE_SECONDS = 10
_TIMEOUT_SECONDS = 120


class _Logger(Logger):
    """Sends what gunicorn says to the logs of the service."""

    def setup(self, cfg: Any) -> None:
        """Let everything go up to the root."""
        for log in (self.error_log, self.access_log):
            log.handlers[:] = []
            log.propagate = True
        self.error_log.setLevel(logging.WARNING)


class Web(BaseApplication):
    """The web processes; `bind` is an address, or `fd://N` for a socket that is open already."""

    def __init__(self, config: Config, bind: str) -> None:
        self._config, self._bind = config, bind
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn our settings."""
        config = self._config
        chosen: dict[str, Any] = {
            "bind": self._bind,
            "workers": config.web_processes,
            "threads": config.web_threads,
            "worker_class": "gthread",
            "timeout": _TIMEOUT_SECONDS,
            "graceful_timeout": _GRACE_SECONDS,
            "logger_class": _Logger,
            "worker_tmp_dir": str(config.run_folder),
            "proc_name": "continuum-web",
            "control_socket_disable": True,
            "limit_request_line": 8190,
            # Credentials of clouds are in a header: keys, certificates, tokens.
            "limit_request_field_size": 256 * 1024,
        }
        for name, value in chosen.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Any:
        """Return the application; called in each web process."""
        set_up_logs(self._config.log_level)
        return importlib.import_module("service.app").create_app(self._config)


def _share_figures(config: Config) -> None:
    """Let all processes show the same figures of requests; must come before prometheus_client is imported."""
    for left in config.run_folder.glob("figures-*"):
        if not os.path.exists(f"/proc/{left.name.partition('-')[2]}"):
            shutil.rmtree(left, ignore_errors=True)
    folder = config.run_folder / f"figures-{os.getpid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def main(config: Config, bind: str = "") -> None:
    """Be the web processes."""
    config.run_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if config.web_processes > 1:
        _share_figures(config)
    # Loaded once, before there are processes: they share the memory.
    importlib.import_module("service.app")
    Web(config, bind or config.bind).run()

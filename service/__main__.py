# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""python -m service serve | worker | web | migrate | settings."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[1]
for _path in (str(_REPOSITORY), str(_REPOSITORY / "collections")):
    if _path not in sys.path:
        sys.path.append(_path)

from service.config import Config, ConfigError, settings  # noqa: E402
from service.log import set_up_logs  # noqa: E402
from service.operations.leash import die_with_parent  # noqa: E402

_COMMANDS = {
    "serve": "web and workers, until SIGTERM",
    "worker": "one worker",
    "web": "the web processes only",
    "migrate": "bring the database up to this version",
    "settings": "show all settings",
}


def main(words: list[str] | None = None) -> int:
    """Run one command."""
    arguments = _arguments(words)
    if arguments.command == "settings":
        for name, kind, default, text in settings():
            print(f"CONTINUUM_{name.upper()}\t{kind}\t{default}\t{text}")
        return 0
    try:
        config = Config.load()
    except ConfigError as error:
        return _complain(str(error))
    set_up_logs(config.log_level)
    if arguments.parent and not _follow(arguments.parent):
        return 0
    try:
        return _run(arguments, config)
    except ConfigError as error:
        return _complain(str(error))


def _run(arguments: argparse.Namespace, config: Config) -> int:
    # Each command imports what it needs: a worker that starts anew is there at once.
    if arguments.command == "serve":
        from service.supervisor import AlreadyRunningError, Supervisor

        try:
            return Supervisor(config, with_web=not arguments.no_web).run()
        except AlreadyRunningError as error:
            return _complain(str(error))
        except OSError as error:
            return _complain(f"The service cannot listen on {config.bind}: {error.strerror}.")
    if arguments.command == "worker":
        from service.operations import worker

        worker.main(config)
    elif arguments.command == "web":
        from service import web

        web.main(config, arguments.bind)
    else:
        from service.db.engine import make_engine
        from service.db.migrate import migrate

        migrate(make_engine(config))
    return 0


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m service", description="The REST service of continuum.im.")
    parser.add_argument(
        "command", choices=_COMMANDS, help="; ".join(f"{name}: {text}" for name, text in _COMMANDS.items())
    )
    parser.add_argument("--parent", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--bind", default="", help="web: another address, or fd://N")
    parser.add_argument("--no-web", action="store_true", help="serve: workers only")
    return parser.parse_args(words)


def _follow(parent: int) -> bool:
    """End with the supervisor; false when it is gone already."""
    die_with_parent(signal.SIGTERM)
    return os.getppid() == parent


def _complain(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())

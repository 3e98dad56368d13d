#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make corpus`: translate every template of a folder with its defaults, alone or on each of its parents.

Prints a table. With --check the projects are written, with stubs for recipes that are out of reach, and go through
`ansible-playbook --syntax-check` and the production profile of ansible-lint.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "collections"))

from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._parse.loader import load  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import slug  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._parse.stack import metadata_of  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (  # noqa: E402
    Home,
    World,
    fetch_recipes,
    translate,
)

BIN = Path(sys.executable).parent
CORPUS = REPOSITORY.parent / "shared" / "corpus" / "templates"
NO_TEMPLATES = {"custom_types.yaml"}
STUB = b"""---
- name: Stand for a recipe that is out of reach
  hosts: localhost
  connection: local
  tasks:
    - name: Show the inputs
      ansible.builtin.debug:
        msg: stub
"""


def main() -> int:
    """Print the table; the exit code is 1 when something did not translate or did not pass."""
    arguments = _arguments()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="corpus-") as home:
        world = World(arguments.folder, Home(home), {}, lambda _url, _most: STUB)
        print(
            f"{'template':42} {'hosts':>5} {'nets':>4} {'steps':>5} {'recipes':>7} {'galaxy':>6} {'CPU ms':>6}  result"
        )
        for names in cases(Path(arguments.folder)):
            failed += not _one(names, world, arguments.check)
        problem = _check(Path(home) / "projects") if arguments.check else ""
    print(problem or ("\nEvery project passes the syntax check and ansible-lint." if arguments.check else ""))
    print(f"{failed} failed" if failed else "All translate.")
    return 1 if failed or problem else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=str(CORPUS))
    parser.add_argument("--check", action="store_true", help="syntax check and ansible-lint of every project")
    return parser.parse_args()


def cases(folder: Path) -> Iterator[list[str]]:
    """Yield lists of names: templates that stand alone, links, and every add-on with each parent that is there."""
    files = sorted(path for path in folder.glob("*.y*ml") if path.name not in NO_TEMPLATES)
    stems = {path.stem: path.name for path in files}
    for path in files:
        parents = metadata_of(load(path.read_text(encoding="utf-8"), path.name)).get("parents") or []
        if not parents:
            yield [path.name]
        for parent in parents:
            if Path(parent).stem in stems:
                yield [stems[Path(parent).stem], path.name]


def _one(names: list[str], world: World, check: bool) -> bool:
    label = " + ".join(Path(name).stem for name in names)
    started = time.process_time()
    try:
        found = translate(names, {"infrastructure": slug(label)}, world.directory, world.home, world)
        used = (time.process_time() - started) * 1000
        if check:
            contents, site = fetch_recipes(found, world)
            write(render(found, contents, site), world.home.project(found.choices.infrastructure))
    except ContinuumError as error:
        print(f"{label:42} {'':38}  FAILED: {error}", flush=True)
        return False
    topology = found.topology
    counts = (len(topology.groups), len(topology.networks), len(topology.steps), len(topology.recipes))
    row = f"{counts[0]:5} {counts[1]:4} {counts[2]:5} {counts[3]:7} {len(topology.galaxy):6} {used:6.0f}"
    print(f"{label:42} {row}  ok", flush=True)
    return True


def _check(projects: Path) -> str:
    """Return "" or what ansible-playbook or ansible-lint say of the projects."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"), "LC_ALL": "C.UTF-8"}
    files = [
        str(path.relative_to(projects)) for name in ("deploy", "configure") for path in projects.glob(f"*/{name}.yml")
    ]
    lint = [str(BIN / "ansible-lint"), "--offline", "--nocolor", "--profile", "production", "-q"]
    for command in ([str(BIN / "ansible-playbook"), "--syntax-check"], lint):
        done = subprocess.run(
            [*command, *sorted(files)], cwd=projects, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return f"{Path(command[0]).name}: {(done.stdout + done.stderr).strip()}"
    return ""


if __name__ == "__main__":
    sys.exit(main())

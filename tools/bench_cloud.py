# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks of clouds share: the same hosts by us and by others, against the same lab, in the same run.

Measured are wall time, CPU time of the client (its own and its children's) and the number of API calls.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "collections"), str(REPOSITORY / "tests")]

from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate  # noqa: E402

PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlVxGBGcnLMvmW4oUB4B3hPJrGkb1ps0bJ3D2aSlFbR bench"
PHASES = ("deploy", "again", "destroy")
# What a contender runs in a phase: the command line, and more environment.
Command = Callable[[str], "tuple[list[str], dict[str, str]]"]


class Lab(Protocol):
    """A cloud on this machine that counts calls."""

    environment: dict[str, str]

    def reset(self) -> None:
        """Empty it."""

    def calls(self) -> list[str]:
        """Return the calls of its API since `forget_calls`."""

    def forget_calls(self) -> None:
        """Begin the list of calls anew."""


class Bench:
    """One lab, one folder, and what is measured in them. `apart` tells which calls are counted apart, as `word`."""

    def __init__(
        self, lab: Lab, folder: Path, cloud: str, word: str = "", apart: Callable[[str], bool] | None = None
    ) -> None:
        self.lab, self.folder, self.cloud = lab, folder, cloud
        self.rows: list[dict[str, Any]] = []
        self._word, self._apart = word, apart

    def measure(self, who: str, hosts: int, command: Command) -> None:
        """Run the three phases; print a line for each. Raises SystemExit with what a command printed when it fails."""
        self.lab.reset()
        for phase in PHASES:
            words, more = command(phase)
            self.lab.forget_calls()
            before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            done = subprocess.run(
                words,
                env={**os.environ, **self.lab.environment, **more},
                cwd=self.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode:
                raise SystemExit(f"{who}, {phase} of {hosts}:\n{(done.stdout + done.stderr)[-3000:]}")
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            self._keep({"who": who, "hosts": hosts, "phase": phase, "wall": wall, "cpu": cpu}, self.lab.calls())

    def ours(self, hosts: int, inputs: Mapping[str, Any], variables: Mapping[str, Any]) -> Command:
        """The project that the catalogue's template `vm` becomes, its provisioning; the collection's destruction."""
        home = self.folder / f"home-{hosts}"
        given = {"inputs": {"num_instances": hosts, **inputs}, "cloud": self.cloud}
        found = translate("vm", given, str(self.folder), Home(str(home)))
        project = Path(Home(str(home)).project(found.choices.infrastructure))
        write(render(found), str(project))
        environment = {"CONTINUUM_HOME": str(home)}

        def command(phase: str) -> tuple[list[str], dict[str, str]]:
            if phase == "destroy":
                more = {"infrastructure": found.choices.infrastructure, "cloud": self.cloud}
                return [PLAYBOOK, "continuum.im.destroy", "-e", json.dumps(more)], environment
            return [PLAYBOOK, str(project / "provision.yml"), "-e", json.dumps(dict(variables))], environment

        return command

    def ratios(self) -> None:
        """Print our wall and CPU time against those of the others."""
        by_key = {(row["who"], row["hosts"], row["phase"]): row for row in self.rows}
        for (who, hosts, phase), row in by_key.items():
            ours = by_key.get(("ours", hosts, phase))
            if who != "ours" and ours:
                wall, cpu = ours["wall"] / row["wall"], ours["cpu"] / max(row["cpu"], 0.01)
                print(f"ours / {who:9} {hosts:4} {phase:8} wall {wall:6.2f}  CPU {cpu:6.2f}")

    def write(self, path: str) -> None:
        """Write the figures to a file."""
        Path(path).write_text(json.dumps(self.rows, indent=2) + "\n", encoding="utf-8")

    def _keep(self, row: dict[str, Any], calls: list[str]) -> None:
        apart = sum(self._apart(call) for call in calls) if self._apart else 0
        row |= {"calls": len(calls) - apart, **({self._word: apart} if self._word else {})}
        self.rows.append(row)
        more = f" {apart:5} {self._word}" if self._word else ""
        text = "{who:10} {hosts:4} {phase:8} {wall:7.1f} s {cpu:7.1f} CPU s {calls:6} calls".format(**row)
        print(text + more, flush=True)

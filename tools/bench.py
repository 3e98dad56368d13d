#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench`: how long a SLURM cluster takes for N workers, and one more worker at each N.

Prints a table, writes it as JSON and as a plot. Ratios are against the smallest N of the same run, so that they hold
on any machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "collections"))

from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate  # noqa: E402

PLAYBOOK = Path(sys.executable).parent / "ansible-playbook"
NAME = "bench"
PHASES = ("translate", "provision", "boot", "prepare", "configure", "rest")
_PLAYS = {"Provide the hosts": "provision", "Prepare the hosts": "prepare"}


def main() -> int:
    """Measure, print, plot; the infrastructure is destroyed between sizes and at the end."""
    arguments = _arguments()
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        try:
            for workers in arguments.sizes:
                rows += _measure(workers, home)
                _print(rows[-3:])
        finally:
            _run("destroy", {}, home)
    _ratios(rows)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if arguments.plot:
        _plot(rows, arguments.plot)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("--json", default="", help="write the figures to this file")
    parser.add_argument("--plot", default="", help="write a plot to this file (svg or png)")
    return parser.parse_args()


def _measure(workers: int, home: str) -> list[dict[str, Any]]:
    """Return three rows: from nothing, again without a change, and with one more worker (the median of three)."""
    _run("destroy", {}, home)
    rows = [{"workers": workers, "case": case, **_deploy(workers, home)} for case in ("new", "again")]
    more = sorted((_deploy(workers + step, home) for step in (1, 2, 3)), key=lambda row: float(row["wall"]))
    return [*rows, {"workers": workers, "case": "one more", **more[1]}]


def _deploy(workers: int, home: str) -> dict[str, Any]:
    inputs = {"wn_num": workers, "wn_mem": "512 MiB"}
    started = time.perf_counter()
    render(translate("slurm", {"inputs": inputs}, os.getcwd(), Home(home)))
    translated = time.perf_counter() - started
    done = _run("deploy", {"template": "slurm", "inputs": inputs}, home)
    phases = dict.fromkeys(PHASES, 0.0)
    for play in done["plays"]:
        name = _PLAYS.get(play["play"], "configure" if play["play"].startswith("Configure ") else "rest")
        phases[name] += play["seconds"]
    phases["translate"] = translated
    phases["boot"] = _boot(done["told"])
    phases["provision"] -= phases["boot"]
    return {
        "wall": done["wall"],
        "cpu": done["cpu"],
        "phases": phases,
        "changed": done["totals"]["changed"],
        "touched": len(done["roles"]),
    }


def _boot(told: list[tuple[float, str]]) -> float:
    """Return the seconds from the creation of the hosts to the last one's answer by SSH."""
    created = [second for second, line in told if line.startswith("created, booting")]
    answers = [second for second, line in told if "answers by SSH" in line]
    return max(answers[-1] - created[0], 0.0) if created and answers else 0.0


def _run(playbook: str, variables: dict[str, Any], home: str) -> dict[str, Any]:
    """Run a playbook.

    Return the progress file's content plus `wall` and `cpu` (of the controller's processes), in seconds.
    """
    progress = Path(home) / "progress.json"
    environment = {
        **os.environ,
        "CONTINUUM_HOME": home,
        "CONTINUUM_PROGRESS_FILE": str(progress),
        "ANSIBLE_STDOUT_CALLBACK": "continuum.im.progress",
    }
    extra = json.dumps({"infrastructure": NAME, "cloud": "local", **variables})
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [str(PLAYBOOK), f"continuum.im.{playbook}", "-e", extra],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(progress.read_text(encoding="utf-8")), "wall": wall, "cpu": cpu}


def _print(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        phases = "  ".join(f"{name} {row['phases'][name]:5.1f}" for name in PHASES)
        counts = f"changed {row['changed']:3d}  hosts with roles {row['touched']:2d}"
        times = f"wall {row['wall']:6.1f} s  cpu {row['cpu']:6.1f} s"
        print(f"{row['workers']:3d} workers, {row['case']:8s}: {times}  [{phases}]  {counts}", flush=True)


def _ratios(rows: list[dict[str, Any]]) -> None:
    print("\nratios in this run:")
    for case in ("new", "again", "one more"):
        found = {row["workers"]: row for row in rows if row["case"] == case}
        first = found[min(found)]
        shown = ", ".join(
            f"N={size}: {row['wall'] / first['wall']:.2f} (cpu {row['cpu'] / first['cpu']:.2f})"
            for size, row in found.items()
        )
        print(f"  {case:8s} against N={min(found)}: {shown}")
    new = {row["workers"]: row["wall"] for row in rows if row["case"] == "new"}
    more = {row["workers"]: row["wall"] for row in rows if row["case"] == "one more"}
    print("  one more against new: " + ", ".join(f"N={size}: {more[size] / new[size]:.2f}" for size in new))
    if {4, 16} <= set(more):
        print(f"  one more at 16 against one more at 4: {more[16] / more[4]:.2f} (target: at most 1.2)")


def _plot(rows: list[dict[str, Any]], path: str) -> None:
    import matplotlib  # only needed here

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    new = [row for row in rows if row["case"] == "new"]
    bottom = [0.0] * len(new)
    names = [str(row["workers"]) for row in new]
    for phase in PHASES:
        values = [row["phases"][phase] for row in new]
        axes[0].bar(names, values, bottom=bottom, label=phase)
        bottom = [low + value for low, value in zip(bottom, values, strict=True)]
    axes[0].set(title="A new cluster, by phase", xlabel="workers", ylabel="seconds")
    axes[0].legend()
    for case, label in (("one more", "one more worker"), ("again", "nothing to do")):
        found = [row for row in rows if row["case"] == case]
        axes[1].plot([row["workers"] for row in found], [row["wall"] for row in found], marker="o", label=label)
    axes[1].set(title="A change of a running cluster", xlabel="workers before", ylabel="seconds", ylim=(0, None))
    axes[1].legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench-aws`: VPC, security groups and N hosts by us, by Terraform and by boto3 alone, against the same lab.

The lab has no hosts behind its API. Measured are wall time, CPU time of the client (its own and its children's) and the
number of API calls. Terraform is measured when it is there, with its provider from TERRAFORM_PLUGINS (a folder for
`terraform init -plugin-dir`) or, without that variable, from where `terraform init` finds it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "collections"), str(REPOSITORY / "tests")]

from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render, write  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._translate import Home, translate  # noqa: E402

from lab.aws.client import Lab  # noqa: E402

FILES = REPOSITORY / "tools" / "bench_aws"
PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlVxGBGcnLMvmW4oUB4B3hPJrGkb1ps0bJ3D2aSlFbR bench"
PHASES = ("deploy", "again", "destroy")
LINE = "{who:10} {hosts:4} {phase:8} {wall:7.1f} s {cpu:7.1f} CPU s {calls:6} calls {tagging:5} tagging"
Command = Callable[[str], "tuple[list[str], dict[str, str]]"]


class Bench:
    """One lab, one folder, and what is measured in them."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        self.rows: list[dict[str, Any]] = []
        images = lab.client("ec2").describe_images(Owners=["136693071363"])["Images"]
        fitting = [item for item in images if item["Name"].startswith("debian-12-amd64")]
        self.ami = str(max(fitting, key=lambda item: str(item["CreationDate"]))["ImageId"])

    def measure(self, who: str, hosts: int, command: Command) -> None:
        """Run the three phases; print a line for each."""
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
            calls = self.lab.calls()
            tagging = sum(call.endswith(":CreateTags") for call in calls)
            row = {
                "who": who,
                "hosts": hosts,
                "phase": phase,
                "wall": wall,
                "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
                "calls": len(calls) - tagging,
                "tagging": tagging,
            }
            self.rows.append(row)
            print(LINE.format(**row), flush=True)

    def ours(self, hosts: int) -> Command:
        """The project that the catalogue's template `vm` becomes, its provisioning; the collection's destruction."""
        home = self.folder / f"home-{hosts}"
        inputs = {"num_instances": hosts, "instance_type": "t3.micro"}
        found = translate("vm", {"inputs": inputs, "cloud": "aws"}, str(self.folder), Home(str(home)))
        project = Path(Home(str(home)).project(found.choices.infrastructure))
        write(render(found), str(project))
        environment = {"CONTINUUM_HOME": str(home)}

        def command(phase: str) -> tuple[list[str], dict[str, str]]:
            if phase == "destroy":
                variables = {"infrastructure": found.choices.infrastructure, "cloud": "aws"}
                return [PLAYBOOK, "continuum.im.destroy", "-e", json.dumps(variables)], environment
            return [PLAYBOOK, str(project / "provision.yml"), "-e", '{"cloud_aws_wait": false}'], environment

        return command

    def raw(self, hosts: int) -> Command:
        """boto3 alone."""
        script = str(FILES / "raw.py")
        return lambda phase: ([sys.executable, script, phase, str(hosts), self.ami, KEY], {})

    def terraform(self, hosts: int) -> Command:
        """Terraform with its own state; `again` is a plan without changes."""
        work = self.folder / f"terraform-{hosts}"
        shutil.copytree(FILES, work)
        plugins = os.environ.get("TERRAFORM_PLUGINS")
        words = ["terraform", f"-chdir={work}", "init", "-no-color", *([f"-plugin-dir={plugins}"] if plugins else [])]
        subprocess.run(words, check=True, capture_output=True)
        environment = {
            "TF_VAR_hosts": str(hosts), "TF_VAR_ami": self.ami, "TF_VAR_public_key": KEY, "TF_CLI_ARGS": "-no-color",
        }  # fmt: skip
        verbs = {
            "deploy": ["apply", "-auto-approve"],
            "again": ["plan", "-detailed-exitcode"],
            "destroy": ["destroy", "-auto-approve"],
        }
        return lambda phase: (["terraform", f"-chdir={work}", *verbs[phase]], environment)


def ratios(rows: list[dict[str, Any]]) -> None:
    """Print our wall and CPU time against those of the others in the same run."""
    by_key = {(row["who"], row["hosts"], row["phase"]): row for row in rows}
    for (who, hosts, phase), row in by_key.items():
        ours = by_key.get(("ours", hosts, phase))
        if who != "ours" and ours:
            wall, cpu = ours["wall"] / row["wall"], ours["cpu"] / max(row["cpu"], 0.01)
            print(f"ours / {who:9} {hosts:4} {phase:8} wall {wall:6.2f}  CPU {cpu:6.2f}")


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[20, 100, 500])
    parser.add_argument("--terraform-sizes", type=int, nargs="*", default=[20])
    parser.add_argument("--json", default="", help="write the figures to this file")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="bench-aws-") as folder,
        Lab.start(hosts=False, state=Path(folder) / "lab") as lab,
    ):
        bench = Bench(lab, Path(folder))
        for hosts in arguments.sizes:
            bench.measure("ours", hosts, bench.ours(hosts))
            bench.measure("boto3", hosts, bench.raw(hosts))
            if hosts in arguments.terraform_sizes and shutil.which("terraform"):
                bench.measure("terraform", hosts, bench.terraform(hosts))
    ratios(bench.rows)
    if not shutil.which("terraform"):
        print("terraform is not installed: it was not measured")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(bench.rows, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

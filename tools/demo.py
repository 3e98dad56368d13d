#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make demo` and `make destroy`: deploy a template, use what was deployed, say what to do next.

It only calls what a user would call: `ansible-playbook continuum.im.deploy`, `ssh`, `srun`, `sbatch`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY / "collections"))

from ansible_collections.continuum.im.plugins.plugin_utils._errors import ContinuumError  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._parse.loader import load  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import find_template  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._translate import CATALOGUE  # noqa: E402
from demo_lab import labs_of  # noqa: E402

PLAYBOOK = str(Path(sys.executable).parent / "ansible-playbook")
JOB = """#!/bin/sh
#SBATCH --job-name=hello --nodes={nodes} --ntasks={nodes} --output=hello-%j.out
echo "job $SLURM_JOB_ID on $SLURM_JOB_NODELIST"
srun hostname | sort
"""


def main() -> int:
    """Run one command of the demo; the exit code is that of the first thing that failed."""
    arguments = _arguments()
    labs = labs_of(arguments.cloud)
    for lab in labs:
        os.environ.update(lab.environment())
    if arguments.command == "destroy":
        variables = {"infrastructure": _name(arguments), "cloud": arguments.cloud}
        code = _playbook("destroy", variables, arguments.verbose)[0]
        for lab in labs if code == 0 else ():
            lab.end_when_empty()
        return code
    started = time.monotonic()
    inputs = _inputs(arguments)
    variables = {
        "template": arguments.template,
        "cloud": arguments.cloud,
        "infrastructure": _name(arguments),
        "inputs": inputs,
    }
    print(
        f"Deploying '{arguments.template}' as '{_name(arguments)}' on {arguments.cloud} with {json.dumps(inputs)}\n",
        flush=True,
    )
    code, result = _playbook("deploy", variables, arguments.verbose)
    if code:
        return code
    code = _use(result, started)
    _next_steps(arguments, inputs)
    return code


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("deploy", "destroy"))
    parser.add_argument("--template", default="slurm")
    parser.add_argument("--cloud", default="local")
    parser.add_argument("--infrastructure", default="")
    parser.add_argument("--inputs", default="", help="a JSON mapping")
    parser.add_argument("--verbose", action="store_true", help="every task, as Ansible prints it")
    return parser.parse_args()


def _name(arguments: argparse.Namespace) -> str:
    """An infrastructure lives on the clouds that it was made for: each cloud has a demo of its own."""
    if arguments.infrastructure:
        return str(arguments.infrastructure)
    name = find_template(arguments.template, CATALOGUE, os.getcwd()).name
    return name if arguments.cloud == "local" else f"{name}-{arguments.cloud.replace(',', '-')}"


def _inputs(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was asked for; without a wish two workers, if the template has workers to count."""
    if arguments.inputs:
        found = json.loads(arguments.inputs)
        return dict(found)
    source = find_template(arguments.template, CATALOGUE, os.getcwd())
    declared = load(source.text, source.file).data.get("topology_template", {}).get("inputs") or {}
    return {"wn_num": 2} if "wn_num" in declared else {}


def _playbook(name: str, variables: dict[str, Any], verbose: bool) -> tuple[int, dict[str, Any]]:
    """Run a playbook of the collection; return its exit code and what it handed over by `set_stats`."""
    with tempfile.NamedTemporaryFile("r", suffix=".json", encoding="utf-8") as file:
        environment = {**os.environ, "CONTINUUM_PROGRESS_FILE": file.name}
        if not verbose:
            environment["ANSIBLE_STDOUT_CALLBACK"] = "continuum.im.progress"
        command = [PLAYBOOK, f"continuum.im.{name}", "-e", json.dumps(variables)]
        code = subprocess.run(command, env=environment, cwd=os.getcwd(), check=False).returncode
        text = file.read()
    result = json.loads(text).get("result", {}) if text else {}
    return code, result if isinstance(result, dict) else {}


def _use(result: dict[str, Any], started: float) -> int:
    """Run a job on a SLURM cluster; other infrastructures have been shown by the deployment itself."""
    hosts = [item for item in result.get("instances", []) if item.get("public_ip")]
    if not hosts or _ssh(result["ssh_config"], hosts[0], "command -v srun").returncode:
        return 0
    config = result["ssh_config"]
    workers = len([item for item in result["instances"] if item["node"] != hosts[0]["node"]])
    nodes = max(1, min(2, workers))
    print(f"\n$ srun -N{nodes} hostname", flush=True)
    direct = _ssh(config, hosts[0], f"srun -N{nodes} hostname | sort")
    print(direct.stdout, end="")
    print("\n$ sbatch hello.sh", flush=True)
    queued = _ssh(config, hosts[0], _BATCH, JOB.format(nodes=nodes))
    print(queued.stdout, end="")
    sys.stderr.write(direct.stderr + queued.stderr)
    print(f"\n{time.monotonic() - started:.1f} s from the first command to the result of the job")
    names = {item["hostname"] for item in result["instances"]}
    seen = [line for line in direct.stdout.split() if line.split(".")[0] in names]
    return 0 if len(seen) == nodes and queued.returncode == 0 else direct.returncode or queued.returncode or 1


_BATCH = """cat > hello.sh && job=$(sbatch --parsable --wait hello.sh) && echo "Submitted batch job $job" &&
cat "hello-$job.out"
"""


def _ssh(config: str, host: dict[str, Any], command: str, text: str = "") -> subprocess.CompletedProcess[str]:
    arguments = ["ssh", "-F", config, "-o", "BatchMode=yes", str(host["hostname"]), command]
    return subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=300, check=False)


def _next_steps(arguments: argparse.Namespace, inputs: dict[str, Any]) -> None:
    extra = "".join(
        f" {name}={value}"
        for name, value, default in (
            ("TEMPLATE", arguments.template, "slurm"),
            ("CLOUD", arguments.cloud, "local"),
            ("INFRASTRUCTURE", arguments.infrastructure, ""),
        )
        if value != default
    )
    print("\nNext:")
    if "wn_num" in inputs:
        more = json.dumps({**inputs, "wn_num": int(inputs["wn_num"]) + 1})
        print(f"  one more worker:  make demo{extra} INPUTS='{more}'")
    print(f"  destroy it:       make destroy{extra}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ContinuumError as error:
        sys.exit(str(error))
    except json.JSONDecodeError as error:
        sys.exit(f"INPUTS is not JSON: {error}. Write INPUTS='{{\"wn_num\": 2}}'.")
    except KeyboardInterrupt:
        sys.exit(130)

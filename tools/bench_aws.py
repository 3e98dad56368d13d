#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench-aws`: VPC, security groups and N hosts by us, by Terraform and by boto3 alone, against the same lab.

The lab has no hosts behind its API. Terraform is measured when it is there, with its provider from TERRAFORM_PLUGINS (a
folder for `terraform init -plugin-dir`) or, without that variable, from where `terraform init` finds it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_cloud import KEY, REPOSITORY, Bench, Command

from lab.aws.client import Lab  # isort: skip - bench_cloud knows where it is

FILES = REPOSITORY / "tools" / "bench_aws"


def newest_image(lab: Lab) -> str:
    """Return the id of the newest image of Debian 12."""
    images = lab.client("ec2").describe_images(Owners=["136693071363"])["Images"]
    fitting = [item for item in images if item["Name"].startswith("debian-12-amd64")]
    return str(max(fitting, key=lambda item: str(item["CreationDate"]))["ImageId"])


def raw(hosts: int, image: str) -> Command:
    """boto3 alone."""
    script = str(FILES / "raw.py")
    return lambda phase: ([sys.executable, script, phase, str(hosts), image, KEY], {})


def terraform(folder: Path, hosts: int, image: str) -> Command:
    """Terraform with its own state; `again` is a plan without changes."""
    work = folder / f"terraform-{hosts}"
    shutil.copytree(FILES, work)
    plugins = os.environ.get("TERRAFORM_PLUGINS")
    words = ["terraform", f"-chdir={work}", "init", "-no-color", *([f"-plugin-dir={plugins}"] if plugins else [])]
    subprocess.run(words, check=True, capture_output=True)
    environment = {
        "TF_VAR_hosts": str(hosts), "TF_VAR_ami": image, "TF_VAR_public_key": KEY, "TF_CLI_ARGS": "-no-color",
    }  # fmt: skip
    verbs = {
        "deploy": ["apply", "-auto-approve"],
        "again": ["plan", "-detailed-exitcode"],
        "destroy": ["destroy", "-auto-approve"],
    }
    return lambda phase: (["terraform", f"-chdir={work}", *verbs[phase]], environment)


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
        bench = Bench(lab, Path(folder), "aws", "tagging", lambda call: call.endswith(":CreateTags"))
        image = newest_image(lab)
        for hosts in arguments.sizes:
            bench.measure("ours", hosts, bench.ours(hosts, {"instance_type": "t3.micro"}, {"cloud_aws_wait": False}))
            bench.measure("boto3", hosts, raw(hosts, image))
            if hosts in arguments.terraform_sizes and shutil.which("terraform"):
                bench.measure("terraform", hosts, terraform(Path(folder), hosts, image))
    bench.ratios()
    if not shutil.which("terraform"):
        print("terraform is not installed: it was not measured")
    if arguments.json:
        bench.write(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

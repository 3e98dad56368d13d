#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench-openstack`: a network with a router, a security group, a key and N servers on it, by us, by a loop of the
module `openstack.cloud.server` and by openstacksdk alone with threads, against the same lab.

The lab has real services of OpenStack and no hosts behind them.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench_cloud import KEY, PLAYBOOK, REPOSITORY, Bench, Command

from lab.openstack.client import Lab  # isort: skip - bench_cloud knows where it is

FILES = REPOSITORY / "tools" / "bench_openstack"
FLAVOR, IMAGE = "m1.tiny", "debian-12"
# No floating addresses: all three make the same.
VARIABLES = {"cloud_openstack_wait": False, "cloud_openstack_floating_ips": "never"}


def raw(hosts: int) -> Command:
    """openstacksdk alone, with threads."""
    script = str(FILES / "raw.py")
    return lambda phase: ([sys.executable, script, phase, str(hosts), IMAGE, FLAVOR, KEY], {})


def loop(hosts: int) -> Command:
    """Modules of openstack.cloud, one call a server."""
    book = str(FILES / "loop.yml")

    def command(phase: str) -> tuple[list[str], dict[str, str]]:
        state = "absent" if phase == "destroy" else "present"
        variables = {"hosts_wanted": hosts, "image": IMAGE, "flavor": FLAVOR, "public_key": KEY, "state": state}
        return [PLAYBOOK, book, "-e", json.dumps(variables)], {}

    return command


def main() -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10, 50])
    parser.add_argument("--loop-sizes", type=int, nargs="*", default=[10])
    parser.add_argument("--json", default="", help="write the figures to this file")
    arguments = parser.parse_args()
    missing = Lab.missing()
    if missing:
        raise SystemExit(f"There is no lab of OpenStack here: {missing}")
    with (
        tempfile.TemporaryDirectory(prefix="bench-openstack-") as folder,
        Lab.start(hosts=False, state=Path(folder) / "lab") as lab,
    ):
        bench = Bench(lab, Path(folder), "openstack")
        for hosts in arguments.sizes:
            bench.measure("ours", hosts, bench.ours(hosts, {"instance_type": FLAVOR}, VARIABLES))
            bench.measure("sdk", hosts, raw(hosts))
            if hosts in arguments.loop_sizes:
                bench.measure("loop", hosts, loop(hosts))
    bench.ratios()
    if arguments.json:
        bench.write(arguments.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

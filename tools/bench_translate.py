#!/usr/bin/env python3
# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make bench-translate`: CPU time of the translator, against bare tosca-parser on the same template in the same run.

Then the curve for larger and larger topologies. All figures are CPU milliseconds of this process.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(REPOSITORY / "collections"), str(REPOSITORY / "tools")]

from ansible_collections.continuum.im.plugins.plugin_utils._deployment.model import Deployment  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._parse.source import Source, find_template  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._parse.stack import read_stack  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._project.write import render  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._run.hosts import hosts_files, inventory_hosts  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._run.plan import plan_hosts, read_record  # noqa: E402
from ansible_collections.continuum.im.plugins.plugin_utils._translate import (  # noqa: E402
    Home,
    World,
    fetch_recipes,
    translate,
)
from corpus import CORPUS, STUB, cases  # noqa: E402

TARGET = 0.5
Curve = list[tuple[int, float]]


def main() -> int:
    """Print the tables, write the plot."""
    logging.disable(logging.CRITICAL)  # tosca-parser logs what it refuses
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="bench-") as home:
        world = World(arguments.folder, Home(home), {}, lambda _url, _most: STUB)
        if Path(arguments.folder).is_dir():
            _corpus(arguments.folder, world)
        else:
            print(f"no templates in {arguments.folder}: only the curves")
        groups = [(size, _cpu(partial(_groups, size, world), 1)) for size in (125, 250, 500, 1000)]
        hosts = [(size, _cpu(partial(_hosts, size), 1)) for size in (1250, 2500, 5000, 10000)]
    for label, curve in (("host groups, translated and rendered", groups), ("hosts, put in order and planned", hosts)):
        shown = ", ".join(f"{size}: {used:.0f} ms ({used / size:.2f} each)" for size, used in curve)
        print(f"{label}: {shown}")
    if arguments.plot:
        _plot(groups, hosts, arguments.plot)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", default=str(CORPUS))
    parser.add_argument("--plot", default="", help="write a plot to this file (svg or png)")
    return parser.parse_args()


def _cpu(action: Callable[[], Any], times: int) -> float:
    """Return the CPU milliseconds of the fastest of some runs."""
    best = float("inf")
    for _time in range(times):
        started = time.process_time()
        action()
        best = min(best, time.process_time() - started)
    return best * 1000


def _corpus(folder: str, world: World) -> None:
    print(f"{'template':42} {'cold ms':>8} {'warm ms':>8} {'bare ms':>8} {'ratio':>6} {'writing ms':>10}")
    ratios = []
    for names in cases(Path(folder)):

        def ours(names: list[str] = names) -> Deployment:
            return translate(names, {}, folder, world.home, world)

        cold, warm, bare = _cpu(ours, 1), _cpu(ours, 5), _cpu(_bare(names, folder, world.home.path), 5)
        found = ours()
        recipes = fetch_recipes(found, world)
        writing = _cpu(partial(render, found, *recipes), 3)
        ratios.append(warm / bare)
        label = " + ".join(Path(name).stem for name in names)
        print(f"{label:42} {cold:8.0f} {warm:8.0f} {bare:8.0f} {ratios[-1]:6.2f} {writing:10.0f}", flush=True)
    ratios.sort()
    worst, middle = ratios[-1], ratios[len(ratios) // 2]
    print(f"\nwarm translation against bare tosca-parser: median {middle:.2f}, worst {worst:.2f} (target {TARGET})")
    print("writing: the texts of the project, by PyYAML's writer; not part of the ratio\n")


def _bare(names: list[str], folder: str, scratch: str) -> Callable[[], None]:
    """tosca-parser as it is used by itself: it reads the same template, and its type file, from files."""
    from toscaparser.tosca_template import ToscaTemplate

    def find(reference: str, near: str) -> Source:
        return find_template(reference, "/nothing", folder, near)

    _name, document = read_stack([find(name, "") for name in names], find)
    path = Path(scratch) / "bare.yaml"
    path.write_text(yaml.safe_dump({**document.data, "imports": [{"types": "custom_types.yaml"}]}, sort_keys=False))
    (Path(scratch) / "custom_types.yaml").write_bytes(_type_file(folder).read_bytes())

    def parse() -> None:
        with contextlib.suppress(Exception):  # it refuses some; the time until then counts
            ToscaTemplate(str(path))

    return parse


def _type_file(folder: str) -> Path:
    """The type file of a catalogue lies beside its templates, or in the folder above."""
    paths = [Path(folder) / "custom_types.yaml", Path(folder).parent / "custom_types.yaml"]
    return next((path for path in paths if path.exists()), paths[0])


def _groups(size: int, world: World) -> None:
    """A template of so many host groups, each with one piece of software that knows the first group."""
    nodes: dict[str, Any] = {}
    for number in range(size):
        nodes[f"host_{number}"] = {"type": "tosca.nodes.indigo.Compute"}
        inputs = {"first": {"get_attribute": ["host_0", "private_address", 0]}}
        nodes[f"app_{number}"] = {
            "type": "tosca.nodes.SoftwareComponent",
            "requirements": [{"host": f"host_{number}"}],
            "interfaces": {"Standard": {"configure": {"implementation": "a.b.c", "inputs": inputs}}},
        }
    data = {"tosca_definitions_version": "tosca_simple_yaml_1_0", "topology_template": {"node_templates": nodes}}
    path = Path(world.home.path) / "many.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    render(translate(str(path), {}, world.directory, world.home, world))


def _hosts(size: int) -> None:
    """What every run does with its hosts: inventory, /etc/hosts, and what is left to do on which."""
    instances: list[dict[str, Any]] = [
        {
            "id": number,
            "node": "front" if number == 0 else "wn",
            "cloud_id": f"c{number}",
            "state": "running",
            "name": f"h-{number}",
            "hostname": f"vnode-{number}",
            "fqdn": f"vnode-{number}.localdomain",
            "private_ip": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
            "public_ip": None,
            "user": "debian",
            "cpus": 1,
            "memory": 2**30,
            "shares": [],
            "ports": [],
        }
        for number in range(size)
    ]
    workers = {"im_expression": ["Workers", ["wn"]]}
    first = {"im_expression": ["Address", "front", "private", 0]}
    common = {"role": "a.b.c", "entry": "main", "phase": "configure", "level": 1}
    steps = [
        {**common, "name": "fe", "node": "fe", "group": "front", "inputs": {"nodes": workers}},
        {**common, "name": "we", "node": "we", "group": "wn", "inputs": {"first": first}},
    ]
    inventory_hosts(instances, [], steps, "local", "/k/id")
    hosts_files(instances)
    planned = plan_hosts(read_record(None), instances, [], steps, lambda _role: "d")
    json.dumps(planned)


def _plot(groups: Curve, hosts: Curve, path: str) -> None:
    import matplotlib  # only needed here

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4))
    for axis, curve, title, label in (
        (axes[0], groups, "A template of many host groups", "host groups"),
        (axes[1], hosts, "A group of many hosts", "hosts"),
    ):
        axis.plot([size for size, _used in curve], [used / 1000 for _size, used in curve], marker="o")
        axis.set(title=title, xlabel=label, ylabel="CPU seconds", ylim=(0, None), xlim=(0, None))
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


if __name__ == "__main__":
    sys.exit(main())

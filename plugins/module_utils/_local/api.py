# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One function for each call of the engine. No decisions here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from .._hosts.model import Host
from . import seen
from .engine import Engine, EngineError

STOP_SECONDS = 20
KEY_FILE = "/etc/continuum/authorized_keys"
_LIST_ATTEMPTS = 3


def observe(engine: Engine, infrastructure: str) -> seen.Seen:
    """Return all that bears the label of the infrastructure; raises EngineError."""
    with ThreadPoolExecutor(3) as pool:
        hosts = pool.submit(list_hosts, engine, infrastructure)
        volumes = pool.submit(list_volumes, engine, infrastructure)
        networks = pool.submit(list_networks, engine)
    found = networks.result()
    own = tuple(item for item in found if item.labels.get(seen.INFRASTRUCTURE) == infrastructure)
    kept = tuple(volumes.result())
    return seen.Seen(tuple(seen.with_changes(hosts.result(), kept)), own, kept, tuple(found))


def list_hosts(engine: Engine, infrastructure: str | None = None) -> list[Host]:
    """Return the hosts of an infrastructure, or of all of them."""
    label = seen.INFRASTRUCTURE if infrastructure is None else f"{seen.INFRASTRUCTURE}={infrastructure}"
    for attempt in range(_LIST_ATTEMPTS):
        try:
            return _list_hosts(engine, f"label={label}")
        except EngineError as error:
            # A container that goes while the engine lists makes the whole list fail.
            if attempt == _LIST_ATTEMPTS - 1 or "no such container" not in str(error).lower():
                raise
    return []


def _list_hosts(engine: Engine, label: str) -> list[Host]:
    if engine.name == "podman":
        return seen.read_podman_hosts(engine.run_json("ps", "-a", "--filter", label, "--format", "json"))
    names = engine.run("ps", "-aq", "--no-trunc", "--filter", label).split()
    return seen.read_docker_hosts(engine.run_json("inspect", *names)) if names else []


def list_networks(engine: Engine) -> list[seen.SeenNetwork]:
    """Return all networks of the engine."""
    if engine.name == "podman":
        return seen.read_podman_networks(engine.run_json("network", "ls", "--format", "json"))
    names = engine.run("network", "ls", "-q").split()
    return seen.read_docker_networks(engine.run_json("network", "inspect", *names)) if names else []


def list_volumes(engine: Engine, infrastructure: str) -> list[seen.SeenVolume]:
    """Return the volumes of an infrastructure."""
    label = f"label={seen.INFRASTRUCTURE}={infrastructure}"
    if engine.name == "podman":
        return seen.read_volumes(engine.run_json("volume", "ls", "--filter", label, "--format", "json"))
    names = engine.run("volume", "ls", "-q", "--filter", label).split()
    return seen.read_volumes(engine.run_json("volume", "inspect", *names)) if names else []


def create_network(engine: Engine, name: str, subnet: str, labels: Mapping[str, str]) -> None:
    """Create a network of containers."""
    plain = ["--disable-dns"] if engine.name == "podman" else []
    engine.run("network", "create", *plain, *label_options(labels), "--subnet", subnet, name)


def create_volume(engine: Engine, name: str, labels: Mapping[str, str]) -> None:
    """Create a volume; one that exists already is fine."""
    try:
        engine.run("volume", "create", *label_options(labels), name)
    except EngineError as error:
        if "already exists" not in str(error):
            raise


def start_host(engine: Engine, name: str) -> None:
    """Start a host that is stopped; one that runs already is fine.

    Podman that was killed while it started or stopped a container leaves it half-way: that is undone, if need be.
    """
    try:
        engine.run("start", name)
    except EngineError:
        if engine.name != "podman":
            raise
        _undo_half(engine, name)
        engine.run("start", name)


def _undo_half(engine: Engine, name: str) -> None:
    for words in (("stop", "-t", str(STOP_SECONDS)), ("container", "cleanup")):
        try:
            engine.run(*words, name)
        except EngineError:
            # What does not work here is seen when it starts.
            continue


def limit_host(engine: Engine, name: str, cpus: float, memory: int) -> None:
    """Set what a running host may use, memory in bytes (0 = leave it); twice the memory with swap, as at its start."""
    words = ["--memory", str(memory), "--memory-swap", str(2 * memory)] if memory else []
    engine.run("update", "--cpus", f"{cpus:g}", *words, name)


def stop_hosts(engine: Engine, names: Iterable[str]) -> None:
    """Stop hosts in order, as a machine is shut down."""
    engine.run("stop", "-t", str(STOP_SECONDS), *names, timeout=600)


def restart_host(engine: Engine, name: str) -> None:
    """Shut a host down as a machine is shut down, and start it again."""
    engine.run("restart", "-t", str(STOP_SECONDS), name)


def remove_hosts(engine: Engine, names: Iterable[str]) -> None:
    """Remove hosts at once, whatever their state; those that are gone already are fine."""
    if engine.name == "podman":
        engine.run("rm", "-f", "-v", "-t", "0", "--ignore", *names, timeout=600)
    else:
        engine.run("rm", "-f", "-v", *names, timeout=600)


def remove_volume(engine: Engine, name: str) -> None:
    """Remove a volume that no host uses; one that is gone already is fine."""
    _remove(engine, "volume", name)


def remove_network(engine: Engine, name: str) -> None:
    """Remove a network that no host uses; one that is gone already is fine."""
    _remove(engine, "network", name)


def volume_exists(engine: Engine, name: str) -> bool:
    """Return whether the engine has the volume."""
    try:
        engine.run("volume", "inspect", name)
    except EngineError:
        return False
    return True


def read_key(engine: Engine, name: str) -> str:
    """Return the key that opens a running host."""
    return engine.run("exec", name, "cat", KEY_FILE).strip()


def write_key(engine: Engine, name: str, key: str) -> None:
    """Make `key` the one that opens a running host."""
    engine.run("exec", "-i", name, "tee", KEY_FILE, text=f"{key}\n")


def last_log_lines(engine: Engine, name: str) -> str:
    """Return what a host said last, as one line."""
    try:
        return " / ".join(engine.run("logs", "--tail", "3", name, timeout=10).split("\n"))[:300].strip(" /") or "none"
    except EngineError as error:
        return f"no log: {error}"


def label_options(labels: Mapping[str, str]) -> list[str]:
    """Return the options that give a resource its labels."""
    return [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]


def _remove(engine: Engine, kind: str, name: str) -> None:
    try:
        engine.run(kind, "rm", name)
    except EngineError as error:
        if not any(words in str(error).lower() for words in ("no such", "not found")):
            raise

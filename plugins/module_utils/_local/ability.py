# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine is able to do on this machine, found by one small container and remembered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from .._hosts.model import HostsError
from . import cache, machine
from .design import LEAST_MEMORY
from .engine import Engine, EngineError

_RUNTIMES = ("", "crun", "runc")
_PROBE_SECONDS = 60


@dataclass(frozen=True)
class Ability:
    """How containers have to be run here: the OCI runtime ("" = the engine's own choice), and whether limits work."""

    runtime: str = ""
    limits: bool = True

    def engine(self, engine: Engine) -> Engine:
        """Return `engine` with the options that this machine needs."""
        return engine.with_runtime(self.runtime) if engine.name == "podman" else engine


def known_ability(engine: Engine) -> Ability:
    """Return what was found here before, and for the best when nothing was."""
    known = cache.recall("ability", _key(engine))
    if not isinstance(known, dict):
        return Ability()
    return Ability(str(known.get("runtime", "")), bool(known.get("limits", True)))


def find_ability(engine: Engine, image: str) -> Ability:
    """Return what works here, trying with `image`; raises HostsError when no container can be run."""
    if isinstance(cache.recall("ability", _key(engine)), dict):
        return known_ability(engine)
    ability = _try_all(engine, image)
    cache.remember("ability", _key(engine), {"runtime": ability.runtime, "limits": ability.limits})
    return ability


def _try_all(engine: Engine, image: str) -> Ability:
    reason = ""
    for ability in _candidates(engine):
        try:
            _probe(ability.engine(engine), image, ability.limits)
            return ability
        except EngineError as error:
            reason = reason or str(error)
    raise HostsError(
        f"{engine.name.capitalize()} is not able to run containers here: {reason}.",
        "look at what this command says: "
        f"{engine.name} run --rm {' '.join(machine.limit_options())} --network none {image} /bin/true",
    )


def _candidates(engine: Engine) -> Iterator[Ability]:
    runtimes = _RUNTIMES if engine.name == "podman" else ("",)
    for limits in (True, False):
        for runtime in runtimes:
            yield replace(Ability(), runtime=runtime, limits=limits)


def _probe(engine: Engine, image: str, limits: bool) -> None:
    limited = ["--cpus", "0.5", "--memory", str(LEAST_MEMORY)] if limits else []
    words = ["--rm", "--network", "none", "--entrypoint", "/bin/true", *machine.limit_options(), *limited]
    engine.run("run", *words, image, timeout=_PROBE_SECONDS)


def _key(engine: Engine) -> str:
    return f"{engine.name} {engine.version} {_boot_id()}"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""

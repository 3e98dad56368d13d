# Copyright (c) 2026, the continuum.im authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All stages in one call, and where they find their files. Private to this collection."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import string
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ._deployment.functions import LAMBDA, lambda_functions
from ._deployment.model import Choices, Deployment, deployment, read_choices
from ._describe.survey import survey
from ._errors import ChoiceError, ContinuumError, Diagnostic
from ._fetch.store import Download, Fetched, Store
from ._parse.answers import PREFIX as ANSWER_PREFIX
from ._parse.answers import answered_inputs, declared_inputs
from ._parse.inputs import Generator, read_given
from ._parse.library import load_library
from ._parse.loader import Document
from ._parse.secret import secrets_in
from ._parse.source import Source, find_template, no_network, read_references
from ._parse.stack import Find, read_stack
from ._parse.template import Surroundings, read_template
from ._project.inventory import PREFIX
from ._project.write import read_clouds_of, read_pins
from ._run.key import derived_text, given_seed
from ._site import Site, read_site, site_file
from ._topology.build import build_topology

FAAS = (LAMBDA, "oscar")
Result = TypeVar("Result")
_LETTERS = string.ascii_letters + string.digits
COLLECTION = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
TYPES = os.path.join(COLLECTION, "playbooks", "tosca", "types")
CATALOGUE = os.path.join(COLLECTION, "playbooks", "tosca", "templates")


@dataclass(frozen=True)
class Home:
    """Where generated projects and key pairs are kept."""

    path: str

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Home:
        """Return `$CONTINUUM_HOME`, else `~/.continuum`."""
        chosen = environment.get("CONTINUUM_HOME") or os.path.join("~", ".continuum")
        return cls(os.path.abspath(os.path.expanduser(chosen)))

    def project(self, infrastructure: str) -> str:
        """Return the directory of an infrastructure's project."""
        return os.path.join(self.path, "projects", infrastructure)

    def key_file(self, infrastructure: str) -> str:
        """Return the path of an infrastructure's private key."""
        return os.path.join(self.path, "keys", infrastructure, "id_ed25519")

    def random_text(self, infrastructure: str, name: str, length: int, keep: bool = True, seed: str = "") -> str:
        """Return the random text of an input: made once, kept beside the key, readable by its owner only.

        A run that brings its key pair along derives it from the `seed` that this gives.
        """
        folder = os.path.dirname(self.key_file(infrastructure))
        path = os.path.join(folder, f"random-{hashlib.sha256(name.encode()).hexdigest()[:16]}")
        try:
            with open(path, encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            pass
        if seed:
            return derived_text(seed, infrastructure, name, length)
        text = "".join(secrets.choice(_LETTERS) for _position in range(length))
        if not keep:
            return text
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text)
        return text


def known_clouds() -> list[str]:
    """Return the clouds that have a role in this collection."""
    roles = os.path.join(COLLECTION, "roles")
    names = os.listdir(roles) if os.path.isdir(roles) else []
    return sorted(name.removeprefix("cloud_") for name in names if name.startswith("cloud_"))


def inventory_sources(cloud: str, collection: str = COLLECTION) -> dict[str, str]:
    """Return the files that the role of a cloud has for later runs, by name: a new cloud is a new role, no more."""
    folder = os.path.join(collection, "roles", f"cloud_{cloud}", "files")
    found: dict[str, str] = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.startswith(PREFIX) and name.endswith(".yml"):
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                found[name] = file.read()
    return found


@dataclass(frozen=True)
class World:
    """What translation needs of the outside, so that it can be tested without any.

    `directory` is where relative paths start, `download` gets a URL, `environment` has the token of the caller. A `dry`
    run writes nothing to the home.
    """

    directory: str
    home: Home
    environment: Mapping[str, str] = field(default_factory=dict)
    download: Download = no_network
    dry: bool = False


CHOICES = ("inputs", "cloud", "infrastructure", "images", "sizes", "instances", "confined", "refresh_recipes")


def read_extra_variables(available: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a user chose, as plain data: Ansible's own types carry tags that no YAML writer knows.

    The values are taken as they are, never templated: they are text of users. `answers` are those of an AWX survey.
    """
    answers = {name: available[name] for name in available if str(name).startswith(ANSWER_PREFIX)}
    chosen = {name: available[name] for name in CHOICES if name in available}
    return _plain({**chosen, **({"answers": answers} if answers else {})})


def read_term(term: Any, available: Mapping[str, Any]) -> Any:
    """Return the template that the term of a lookup means.

    `-e 'template=[one, two]'` is split by Ansible at the space, and the rest lands in `_raw_params`.
    """
    rest = available.get("_raw_params")
    if isinstance(term, str) and term.startswith("[") and not term.endswith("]") and isinstance(rest, str):
        return f"{term} {rest}"
    return _plain({"template": term})["template"]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return found


def translate(
    template: Any, variables: Mapping[str, Any], directory: str, home: Home, world: World | None = None
) -> Deployment:
    """Return the deployment of a template, or of a list of a template and its add-ons.

    `variables` are the extra variables, relative paths start in `directory`. Raises `ContinuumError` with all problems
    of the template, of its inputs and of the choices.
    """
    world = world or World(directory, home)
    site = read_site(site_file(world.environment, home.path))
    sources, find = _sources(template, world)
    name, document = read_stack(sources, find)
    problems: list[Diagnostic] = []
    choices = _noting(problems, lambda: _not_elsewhere(read_choices(variables, name, known_clouds()), home))
    given = _noting(problems, lambda: _given(variables, document))
    infrastructure = choices.infrastructure if choices else name
    generator = Generator(
        random=lambda key, length: home.random_text(
            infrastructure, key, length, not world.dry, given_seed(world.environment)
        ),
        token=world.environment.get("IM_ACCESS_TOKEN", ""),
    )
    around = Surroundings(sources[0].place, site.local_path, generator)
    topology = _noting(
        problems, lambda: build_topology(read_template(name, document, given or {}, load_library(TYPES), around))
    )
    if choices is None or topology is None or problems:
        raise ContinuumError(problems)
    return deployment(topology, choices, home.key_file(choices.infrastructure))


def template_survey(template: Any, clouds: list[str], world: World) -> dict[str, Any]:
    """Return the survey of AWX for a template, with its add-ons. Raises `ContinuumError`."""
    sources, find = _sources(template, world)
    name, document = read_stack(sources, find)
    for cloud in clouds:
        read_choices({"cloud": cloud}, name, known_clouds())
    return survey(name, document, load_library(TYPES), clouds)


def _given(variables: Mapping[str, Any], document: Document) -> dict[str, Any]:
    """Return the inputs that the user gave; what was answered in a survey counts more than what stands in `inputs`."""
    answers = variables.get("answers") or {}
    return {**read_given(variables.get("inputs")), **answered_inputs(answers, declared_inputs(document))}


def _not_elsewhere(choices: Choices, home: Home) -> Choices:
    """Return the choices. Raises `ChoiceError` when a cloud that has hosts of the infrastructure would be forgotten."""
    name, chosen = choices.infrastructure, choices.clouds or (choices.cloud,)
    made_for = read_clouds_of(home.project(name))
    forgotten = [cloud for cloud in made_for if cloud not in chosen]
    if forgotten:
        problem = f"'{name}' is deployed on {', '.join(made_for)}, not on {', '.join(chosen)}."
        raise ChoiceError.of(problem, f"Destroy it first (-e infrastructure={name}), or choose another name.")
    return choices


def fetch_recipes(found: Deployment, world: World, refresh: bool = False) -> tuple[dict[str, Fetched], Site]:
    """Return the recipes of a deployment by reference, and the settings of the site.

    What an earlier deployment of the infrastructure has pinned is taken again. Raises `TemplateError`.
    """
    home = world.home
    site = read_site(site_file(world.environment, home.path))
    pins = read_pins(home.project(found.choices.infrastructure))
    store = Store(os.path.join(home.path, "cache", "recipes"), site, world.download, pins, refresh)
    return store.fetch(found.topology.references), site


def secrets_of_deployment(found: Deployment) -> dict[str, str]:
    """Return the secret inputs that a run of the project needs in its environment."""
    topology = found.topology
    workloads = [item.environment for item in topology.workloads]
    functions = [item.properties for item in topology.functions]
    steps = [step.inputs for step in topology.steps]
    return secrets_in([steps, topology.outputs, list(topology.networks), workloads, functions])


def missing_clouds(found: Deployment) -> list[Diagnostic]:
    """Return one problem for each workload and function that needs a cloud which the deployment does not have."""
    cloud, topology = found.choices.cloud, found.topology
    containers = [item.node for item in topology.workloads if item.count and cloud != "kubernetes"]
    functions = [item.node for item in topology.functions if item.count and not item.group and cloud not in FAAS]
    problems = [
        *(_needs(f"'{node}' is a container of its own", ["kubernetes"]) for node in containers),
        *(_needs(f"'{node}' is a function", list(FAAS)) for node in functions),
    ]
    if cloud == LAMBDA:
        hint = "Deploy hosts and functions as two infrastructures."
        hosts = [group.node for group in topology.groups if group.count]
        problems += [
            Diagnostic("needs-cloud", f"'{node}' is a host; the cloud {LAMBDA} makes functions only.", None, hint)
            for node in hosts
        ]
        problems += lambda_functions(topology.functions)[1]
    return problems


def _needs(what: str, clouds: list[str]) -> Diagnostic:
    there = [cloud for cloud in clouds if cloud in known_clouds()]
    hint = f"Deploy it with -e cloud={there[0]}." if there else "This version does not have such a cloud yet."
    return Diagnostic("needs-cloud", f"{what}; it needs the cloud {' or '.join(clouds)}.", None, hint)


def _sources(template: Any, world: World) -> tuple[list[Source], Find]:
    """Return the templates that the user names; those after the first may lie beside it."""

    def find(reference: str, near: str) -> Source:
        return find_template(reference, CATALOGUE, world.directory, near, world.download)

    sources: list[Source] = []
    for reference in read_references(template):
        sources.append(find(reference, sources[0].place if sources else ""))
    return sources, find


def _noting(problems: list[Diagnostic], action: Callable[[], Result]) -> Result | None:
    """Return what `action` returns; None when it fails, with what it found added to `problems`."""
    try:
        return action()
    except ContinuumError as error:
        problems.extend(error.diagnostics)
    except Exception as error:
        # The last resort: a traceback helps nobody who deploys a template. The tests fail on this code.
        place = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__} in {os.path.basename(place.filename)}, line {place.lineno}"
        hint = "Please report it with the template. A simpler form of the template may do meanwhile."
        problems.append(Diagnostic("internal", f"The template has a form that is not understood ({what}).", None, hint))
    return None
